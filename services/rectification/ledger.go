package rectification

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/deadline"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// How many problems a ledger takes: their numbers have four digits, and a filing
// reads them all in one transaction.
const (
	MaxProblems         = 2_000 // until which the unit enters what it found
	MaxProblemsOfOthers = 2_000 // so many more, of what others found
)

// LedgerMove is something that happens to a ledger.
type LedgerMove string

// The moves of a ledger.
const (
	LedgerChanging      LedgerMove = "change / 修改" // its content, by whatever happens to a problem
	LedgerSigning       LedgerMove = "sign / 签字"
	LedgerFiling        LedgerMove = "file / 报备"
	LedgerAcknowledging LedgerMove = "acknowledge / 备案"
	LedgerReturning     LedgerMove = "return / 退回"
)

// LedgerLife says which moves are allowed from which state. From FILED and
// ACKNOWLEDGED one signs a supplementary version, and only if there is something
// new.
var LedgerLife = lifecycle.Table[rectificationv1.Ledger_State, LedgerMove]{
	rectificationv1.Ledger_STATE_OPEN: {
		LedgerChanging: rectificationv1.Ledger_STATE_OPEN,
		LedgerSigning:  rectificationv1.Ledger_STATE_SIGNED,
	},
	rectificationv1.Ledger_STATE_SIGNED: {
		LedgerChanging: rectificationv1.Ledger_STATE_OPEN,
		LedgerFiling:   rectificationv1.Ledger_STATE_FILED,
	},
	rectificationv1.Ledger_STATE_FILED: {
		LedgerChanging:      rectificationv1.Ledger_STATE_FILED,
		LedgerSigning:       rectificationv1.Ledger_STATE_SIGNED,
		LedgerAcknowledging: rectificationv1.Ledger_STATE_ACKNOWLEDGED,
		LedgerReturning:     rectificationv1.Ledger_STATE_RETURNED,
	},
	rectificationv1.Ledger_STATE_ACKNOWLEDGED: {
		LedgerChanging: rectificationv1.Ledger_STATE_ACKNOWLEDGED,
		LedgerSigning:  rectificationv1.Ledger_STATE_SIGNED,
	},
	rectificationv1.Ledger_STATE_RETURNED: {
		LedgerChanging: rectificationv1.Ledger_STATE_OPEN,
		LedgerSigning:  rectificationv1.Ledger_STATE_SIGNED,
	},
}

// moveLedger returns a copy of l after the move: whatever it is, it is begun.
func moveLedger(l *rectificationv1.Ledger, m LedgerMove) (*rectificationv1.Ledger, error) {
	l, err := lifecycle.Move(LedgerLife, l, m, ErrLedgerIllegalMove)
	if err != nil {
		return nil, err
	}
	l.Issued = false
	return l, nil
}

// LedgerName returns the name of the one ledger of a campaign and unit; an empty
// campaign means the standing ledger.
func LedgerName(campaign, unit string) string {
	sum := sha256.Sum256([]byte("duban/ledger/v1\x00" + campaign + "\x00" + unit))
	return "ledgers/" + hex.EncodeToString(sum[:16])
}

// NewLedger returns the ledger of the unit, whose path begins with it and ends
// with the topmost unit, in a campaign; a nil campaign makes the standing ledger.
func NewLedger(path []string, c *campaignv1.Campaign, days *calendar.Calendar) (*rectificationv1.Ledger, error) {
	l := &rectificationv1.Ledger{
		Name: LedgerName(c.GetName(), path[0]), Unit: path[0], Campaign: c.GetName(),
		State: rectificationv1.Ledger_STATE_OPEN,
	}
	if c == nil {
		return l, nil
	}
	switch {
	case c.GetState() != campaignv1.Campaign_STATE_PUBLISHED:
		return nil, ErrLedgerCampaignNotPublished.At("ledger.campaign", "尚未发布或已结束", "is not published")
	case !slices.Contains(path, c.GetOwner()):
		return nil, ErrLedgerCampaignForeign.At("ledger.unit", "不在活动主办单位辖内", "does not lie under the owner of the campaign")
	}
	setFilingDay(l, due(c.GetFiling(), days))
	l.Categories = codes(c.GetCategories())
	return l, nil
}

// due returns the day by which a ledger is filed: as written, unless the campaign
// says that it rolls to the next working day.
func due(f *campaignv1.Filing, days *calendar.Calendar) deadline.Day {
	written, err := calendar.ParseDate(f.GetDueDate())
	if err != nil || !f.GetRolls() {
		return deadline.Day{Date: f.GetDueDate()}
	}
	return deadline.Rolled(written, days)
}

// codes keeps of a taxonomy what problems are held against.
func codes(categories []*campaignv1.Category) (kept []*rectificationv1.Category) {
	for _, c := range categories {
		k := &rectificationv1.Category{Code: c.GetCode()}
		for _, i := range c.GetItems() {
			k.Items = append(k.Items, i.GetCode())
		}
		kept = append(kept, k)
	}
	return kept
}

// Change returns the ledger after its content has changed: before filing it is
// open again, and after it the change awaits a supplementary version. A signature
// on other content holds no longer.
func Change(l *rectificationv1.Ledger) (*rectificationv1.Ledger, error) {
	l, err := moveLedger(l, LedgerChanging)
	if err != nil {
		return nil, err
	}
	l.Signature = nil
	l.PendingChanges = l.GetVersion() > 0
	return l, nil
}

// Sign returns the ledger signed by s, whose digest is what the head has read, in the post
// by which they serve in the unit, nil if by none;
// problems are all of it, whose content is signed as it stands.
func Sign(l *rectificationv1.Ledger, s *rectificationv1.Signature, post *organizationv1.Post, problems []*rectificationv1.Problem) (*rectificationv1.Ledger, error) {
	signed, err := moveLedger(l, LedgerSigning)
	if err != nil {
		return nil, err
	}
	filed := l.GetState() == rectificationv1.Ledger_STATE_FILED || l.GetState() == rectificationv1.Ledger_STATE_ACKNOWLEDGED
	switch {
	case post == nil:
		return nil, ErrLedgerSignerOutside
	case filed && !l.GetPendingChanges():
		return nil, ErrLedgerNothingNew
	case l.GetVersion() == 0 && l.GetCampaignCloseDate() != "":
		return nil, over(l, "name", "不再首次签字", "is not signed for the first time any more")
	case s.GetDigest() != Digest(l.GetName(), problems):
		return nil, ErrLedgerDigestStale.At("content_digest", "不是台账现有内容的摘要", "is not the digest of the content as it stands")
	}
	if err := allPlanned(problems); err != nil {
		return nil, err
	}
	signed.Signature = proto.CloneOf(s)
	signed.Signature.PostKind, signed.Signature.PostTitle = post.GetKind(), post.GetTitle()
	return signed, nil
}

// Filing is what comes of filing a ledger.
type Filing struct {
	Ledger  *rectificationv1.Ledger
	Version *rectificationv1.LedgerVersion
	// Contents are the problems whose content is filed in this version.
	Contents []*rectificationv1.FiledProblem
	// Problems are the same ones, as they are after it.
	Problems []*rectificationv1.Problem
}

// File returns the next version of a signed ledger. problems are all of it, in
// their order; filer is who files; the days are those in which the superior answers.
func File(l *rectificationv1.Ledger, problems []*rectificationv1.Problem, filer string, now time.Time, days *calendar.Calendar) (*Filing, error) {
	l, err := moveLedger(l, LedgerFiling)
	if err != nil {
		return nil, err
	}
	late := overdue(deadline.FiledBy(l), now)
	l.Version++
	l.PendingChanges, l.ReturnReason = false, ""
	l.FiledLate = l.GetFiledLate() || late
	if l.GetAcknowledgeDueDate() == "" { // else it lies there: nobody gets more time by having it filed once more
		l.HandedInDate = calendar.On(now).String()
		setAnswerDay(l, deadline.Answer(calendar.On(now), days))
	}
	f := &Filing{Ledger: l, Version: &rectificationv1.LedgerVersion{
		Name: VersionName(l.GetName(), l.GetVersion()), Unit: l.GetUnit(), Campaign: l.GetCampaign(),
		Version: l.GetVersion(), State: rectificationv1.LedgerVersion_STATE_FILED,
		ContentDigest: l.GetSignature().GetDigest(), Signature: proto.CloneOf(l.GetSignature()),
		FileTime: timestamppb.New(now), Filer: filer, Late: late,
	}}
	f.freeze(problems)
	return f, nil
}

// overdue says whether a civil date has passed in China; no date never has.
func overdue(date string, now time.Time) bool {
	return date != "" && calendar.On(now).String() > date
}

// freeze takes in the content of the problems that no version has.
func (f *Filing) freeze(problems []*rectificationv1.Problem) {
	for _, p := range problems {
		if p.GetFiledVersion() == 0 {
			p = proto.CloneOf(p)
			p.FiledVersion = f.Version.GetVersion()
			f.Problems = append(f.Problems, p)
			f.Contents = append(f.Contents, frozen(f.Version.GetName(), p))
		}
		f.Version.FiledIn = append(f.Version.FiledIn, p.GetFiledVersion())
	}
}

// four spells a number as names have it.
func four(n int32) string {
	s := strconv.Itoa(int(n))
	return "0000"[:max(0, 4-len(s))] + s
}
