package rectification

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/deadline"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// VersionMove is something that happens to a filed version.
type VersionMove string

// The moves of a filed version.
const (
	VersionAcknowledging VersionMove = "acknowledge / 备案"
	VersionReturning     VersionMove = "return / 退回"
	VersionSuperseding   VersionMove = "supersede / 替换" // by a later one, undecided
)

// VersionLife says which moves are allowed from which state.
var VersionLife = lifecycle.Table[rectificationv1.LedgerVersion_State, VersionMove]{
	rectificationv1.LedgerVersion_STATE_FILED: {
		VersionAcknowledging: rectificationv1.LedgerVersion_STATE_ACKNOWLEDGED,
		VersionReturning:     rectificationv1.LedgerVersion_STATE_RETURNED,
		VersionSuperseding:   rectificationv1.LedgerVersion_STATE_SUPERSEDED,
	},
}

// VersionName returns the name of a version of the ledger.
func VersionName(ledger string, version int32) string {
	return ledger + "/versions/" + four(version)
}

// ContentName returns the name under which the content of problem number was
// filed in a version of the ledger.
func ContentName(ledger string, version, number int32) string {
	return VersionName(ledger, version) + "/problems/" + four(number)
}

// frozen is the content of p under the version of that name.
func frozen(version string, p *rectificationv1.Problem) *rectificationv1.FiledProblem {
	return &rectificationv1.FiledProblem{
		Name: version + "/problems/" + four(p.GetNumber()), Unit: p.GetUnit(), Number: p.GetNumber(),
		Category: p.GetCategory(), Item: p.GetItem(), Level: p.GetLevel(), Description: p.GetDescription(),
		Cause: p.GetCause(), Measures: p.GetMeasures(), Deadline: p.GetDeadline(),
		LeaderResponsible: p.GetLeaderResponsible(), PersonResponsible: p.GetPersonResponsible(),
	}
}

// Supersede returns v after a later version was filed, or nil if the superior has
// decided on v and nothing changes.
func Supersede(v *rectificationv1.LedgerVersion) *rectificationv1.LedgerVersion {
	superseded, err := lifecycle.Move(VersionLife, v, VersionSuperseding, ErrLedgerIllegalMove)
	if err != nil {
		return nil
	}
	return superseded
}

// Verdict is what a superior says of the newest filed version.
type Verdict struct {
	Reason   string // why it is returned; empty: it is acknowledged
	Decider  string // the principal; inside the installation neither signer nor filer
	Document string // the number of the document; empty inside the installation
	Time     time.Time
}

// Decide returns ledger and version after the verdict; v MUST be the newest. The days
// are those by which what is returned is filed again.
func Decide(l *rectificationv1.Ledger, v *rectificationv1.LedgerVersion, d Verdict, days *calendar.Calendar) (*rectificationv1.Ledger, *rectificationv1.LedgerVersion, error) {
	ledgerMove, versionMove := LedgerAcknowledging, VersionAcknowledging
	if d.Reason != "" {
		ledgerMove, versionMove = LedgerReturning, VersionReturning
	}
	l, err := moveLedger(l, ledgerMove)
	if err != nil {
		return nil, nil, err
	}
	if d.Reason == "" {
		l.AcknowledgedVersion = v.GetVersion()
	} else {
		l = correction(l, v, calendar.On(d.Time), days)
	}
	l.ReturnReason, l.HandedInDate = d.Reason, ""
	setAnswerDay(l, deadline.Day{})
	if v, err = lifecycle.Move(VersionLife, v, versionMove, ErrLedgerIllegalMove); err != nil {
		return nil, nil, err
	}
	if d.Document == "" && (d.Decider == v.GetSignature().GetSigner() || d.Decider == v.GetFiler()) {
		return nil, nil, ErrLedgerDeciderInvolved
	}
	v.ReturnReason, v.DocumentNumber = d.Reason, d.Document
	v.Decider, v.DecideTime = d.Decider, timestamppb.New(d.Time)
	return l, v, nil
}

// correction is the ledger with the day by which it is filed again (补正时限), once the
// superior has returned v, the newest version, on day. They have had the first that they
// did not answer longer than v.
func correction(l *rectificationv1.Ledger, v *rectificationv1.LedgerVersion, day calendar.Date, days *calendar.Calendar) *rectificationv1.Ledger {
	if l.GetFilingDueDate() == "" || l.GetAcknowledgedVersion() > 0 {
		return l
	}
	l = proto.CloneOf(l)
	turn := deadline.Turn{HandedIn: calendar.On(v.GetFileTime().AsTime()), Returned: day}
	if since, err := calendar.ParseDate(l.GetHandedInDate()); err == nil { // an older build kept none
		turn.HandedIn = since
	}
	setCorrectionDay(l, deadline.Correction(filingDay(l), correctionDay(l), turn, days))
	return l
}
