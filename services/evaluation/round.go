package evaluation

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// Credentials is how many codes a round may have in all its groups.
const Credentials = 10_000

// Days is how many days the window of a round has at most: half a year, more than any
// evaluation is held open, and less than a mistyped year.
const Days = 180

// Place is where a unit stands: itself and those above it, nearest first, and
// whether it takes new work. A unit that does not exist has no path.
type Place struct {
	Path   []string
	Active bool
}

// NewRound returns the round that asked asks for, under name, by a scheme that
// CheckScheme has passed. place tells of the owner and of each subject.
func NewRound(name string, asked *evaluationv1.Round, scheme *evaluationv1.EvaluationScheme, place func(unit string) Place, now time.Time) (*evaluationv1.Round, error) {
	if !place(asked.GetOwner()).Active {
		return nil, ErrOwnerArchived.At("round.owner", "已撤并", "is archived")
	}
	if err := checkSubjects(asked, place); err != nil {
		return nil, err
	}
	groups, err := newGroups(asked.GetGroups(), scheme)
	if err != nil {
		return nil, err
	}
	if err := checkWindow(asked, now); err != nil {
		return nil, err
	}
	r := &evaluationv1.Round{
		Name: name, Owner: asked.GetOwner(), DisplayName: asked.GetDisplayName(),
		Scheme: scheme.GetName(), SchemeVersion: scheme.GetVersion(), FrozenScheme: scheme,
		Subjects: asked.GetSubjects(), Groups: groups,
		StartDate: asked.GetStartDate(), EndDate: asked.GetEndDate(),
		State:              evaluationv1.Round_STATE_DRAFT,
		CredentialStrength: Strength, CredentialNotice: notice(),
	}
	return proto.CloneOf(r), nil
}

// checkSubjects refuses units that are not active and strictly beneath the owner.
func checkSubjects(asked *evaluationv1.Round, place func(string) Place) error {
	for i, subject := range asked.GetSubjects() {
		p := place(subject)
		if !p.Active || slices.Index(p.Path, asked.GetOwner()) < 1 {
			return ErrSubjectInvalid.At(fmt.Sprintf("round.subjects[%d]", i), "不是主办单位下属的在用单位", "is not an active unit beneath the owner")
		}
	}
	return nil
}

// newGroups takes what a client may say of the groups of a round.
func newGroups(asked []*evaluationv1.RaterGroup, scheme *evaluationv1.EvaluationScheme) (groups []*evaluationv1.RaterGroup, err error) {
	refused := ErrGroupInvalid.With("limit", strconv.Itoa(Credentials))
	seen, total := map[string]bool{}, int32(0)
	for i, g := range asked {
		known := slices.ContainsFunc(scheme.GetGroups(), func(s *evaluationv1.Group) bool { return s.GetCode() == g.GetCode() })
		if total += g.GetCredentials(); !known || seen[g.GetCode()] || total > Credentials {
			return nil, refused.At(fmt.Sprintf("round.groups[%d]", i), "不是方案所列、重复或票数过多", "is not the scheme's, named twice, or too large")
		}
		seen[g.GetCode()] = true
		groups = append(groups, &evaluationv1.RaterGroup{Code: g.GetCode(), Credentials: g.GetCredentials()})
	}
	return groups, nil
}

// window is the days on which ballots are cast.
type window struct{ first, last calendar.Date }

func windowOf(r *evaluationv1.Round) (w window, err error) {
	if w.first, err = calendar.ParseDate(r.GetStartDate()); err != nil {
		return w, err
	}
	w.last, err = calendar.ParseDate(r.GetEndDate())
	return w, err
}

// checkWindow refuses what is no window, is over, begins before today, or is out of bounds.
func checkWindow(asked *evaluationv1.Round, now time.Time) error {
	w, err := windowOf(asked)
	switch today := calendar.On(now); {
	case err != nil, w.last.Before(w.first), w.over(now):
		return ErrWindowInvalid.At("round.end_date", "早于开始日期或今天", "is before the start or today")
	case w.first.Before(today):
		return ErrWindowOutside.With("limit", strconv.Itoa(Days)).At("round.start_date", "早于今天", "is before today")
	default:
		return w.bounded("round.end_date", now)
	}
}

// bounded refuses, at the path, a window of more than Days or that ends more than a year
// from now.
func (w window) bounded(path string, now time.Time) error {
	if w.first.DaysUntil(w.last) >= Days || !calendar.Near(w.last.String(), calendar.On(now).String(), 1, 1) {
		return ErrWindowOutside.With("limit", strconv.Itoa(Days)).At(path, "投票期过长或晚于一年之后截止", "makes the window too long, or end more than a year ahead")
	}
	return nil
}

func (w window) over(now time.Time) bool { return !now.Before(w.last.End()) }

func (w window) open(now time.Time) bool { return !now.Before(w.first.Start()) && !w.over(now) }

// moved returns a copy of r where m leads.
func moved(r *evaluationv1.Round, m Move) (*evaluationv1.Round, error) {
	return lifecycle.Move(Life, r, m, ErrIllegalMove)
}

// Open lets codes be issued and ballots be cast, for who opens it. free is the latest day
// that Free gives, of all rounds of its owner.
func Open(r *evaluationv1.Round, free calendar.Date, who string, now time.Time) (*evaluationv1.Round, error) {
	r, err := moved(r, Opening)
	if err != nil {
		return nil, err
	}
	w, err := windowOf(r)
	if err != nil || w.over(now) {
		return nil, ErrWindowOver
	}
	if err := w.bounded("name", now); err != nil { // drafted before windows were bounded
		return nil, err
	}
	if err := tooSoon(w, free); err != nil {
		return nil, err
	}
	r.OpenTime, r.OpenedBy = timestamppb.New(now), who
	return r, nil
}

// tooSoon refuses, until the day, a round of that window, which another bars; the zero day bars none.
func tooSoon(w window, day calendar.Date) error {
	refused := ErrTooSoon.With("day", day.String())
	switch {
	case day.IsZero():
		return nil
	case w.last.Before(day):
		return refused.At("name", "距同一方案的另一轮评议不足 30 天，本轮投票期届时已过，请新建自 "+day.String()+" 起投票的评议轮次", "is fewer than 30 days from another by its scheme, and over by then: make another round with a window from "+day.String()+" on")
	default:
		return refused.At("name", "距同一方案的另一轮评议不足 30 天，可自 "+day.String()+" 起开放", "is fewer than 30 days from another by its scheme: open it from "+day.String()+" on")
	}
}

// Void takes a round back that was a mistake, for who. Of an open one nobody MUST have had a
// code, so that it tells of no ballot and throws none away, and who opened it does not do
// so alone.
func Void(r *evaluationv1.Round, who string) (*evaluationv1.Round, error) {
	r, err := moved(r, Voiding)
	switch {
	case err != nil:
		return nil, err
	case slices.ContainsFunc(r.GetGroups(), func(g *evaluationv1.RaterGroup) bool { return g.GetIssued() > 0 }):
		return nil, ErrVoidRefused
	case r.GetOpenedBy() == who:
		return nil, ErrOpenerVoids
	}
	return r, nil
}

// Evaluated says whether somebody is among the evaluated (被评者), who do nothing in a
// round but vote. standing is where they stand: the path of each unit that they belong
// to or hold a grant on, and what was merged into the units of it.
func Evaluated(r *evaluationv1.Round, standing [][]string) bool {
	return slices.ContainsFunc(standing, func(path []string) bool {
		return slices.ContainsFunc(path, func(unit string) bool { return slices.Contains(r.GetSubjects(), unit) })
	})
}

// Codes are what is asked for of a group's codes (发放投票码).
type Codes struct {
	// By is who issues them (发码人).
	By string
	// Group is the group's code, and Count how many there are to be.
	Group string
	Count int
}

// Issue notes that codes were issued, and by whom.
func Issue(r *evaluationv1.Round, asked Codes, now time.Time) (*evaluationv1.Round, error) {
	r, err := moved(r, Issuing)
	if err != nil {
		return nil, err
	}
	if w, err := windowOf(r); err != nil || w.over(now) {
		return nil, ErrWindowOver
	}
	i := GroupAt(r, asked.Group)
	if i < 0 {
		return nil, ErrGroupInvalid.With("limit", strconv.Itoa(Credentials)).At("group", "本轮没有该评议主体", "is not a group of the round")
	}
	g := r.GetGroups()[i]
	if left := int(g.GetCredentials() - g.GetIssued()); asked.Count > left {
		return nil, ErrCredentialLimit.With("left", strconv.Itoa(left)).At("count", "超过尚可发放的数量", "is more than are left")
	}
	if g.Issued += int32(asked.Count); !slices.Contains(r.GetIssuers(), asked.By) {
		r.Issuers = append(r.Issuers, asked.By)
	}
	return r, nil
}

// GroupAt returns the place of the group of that code in the round, or -1.
func GroupAt(r *evaluationv1.Round, code string) int {
	return slices.IndexFunc(r.GetGroups(), func(g *evaluationv1.RaterGroup) bool { return g.GetCode() == code })
}

// Taking says whether the round takes ballots now.
func Taking(r *evaluationv1.Round, now time.Time) error {
	w, err := windowOf(r)
	if err != nil || r.GetState() != evaluationv1.Round_STATE_OPEN || !w.open(now) {
		return ErrBallotNotTaken.With("start", r.GetStartDate()).With("end", r.GetEndDate())
	}
	return nil
}

// Close ends the casting for who. cast counts the ballots by the places of their groups.
// A round closes early only if no code is left that could still be cast, and not for who
// issued codes: they could have cast them all.
func Close(r *evaluationv1.Round, cast []int32, who string, now time.Time) (*evaluationv1.Round, error) {
	r, err := moved(r, Closing)
	if err != nil {
		return nil, err
	}
	left, issued := int32(0), int32(0)
	for i, g := range r.GetGroups() {
		g.Cast = cast[i]
		issued += g.GetIssued()
		left += g.GetIssued() - g.GetCast()
	}
	switch w, err := windowOf(r); {
	case err == nil && !w.over(now) && slices.Contains(r.GetIssuers(), who):
		return nil, ErrIssuerCounts
	case err != nil, !w.over(now) && (left > 0 || issued == 0):
		return nil, ErrWindowRunning
	}
	r.CloseTime = timestamppb.New(now)
	return r, nil
}

// Publish lets the units rated see what results they may see. Who publishes the round MUST NOT
// be who tallied it, since a second person looks at what is shown, nor one who issued its
// codes, and could have cast what was tallied.
func Publish(r *evaluationv1.Round, results []*evaluationv1.Result, who string, now time.Time) (*evaluationv1.Round, []*evaluationv1.Result, error) {
	r, err := moved(r, Publishing)
	switch {
	case err != nil:
		return nil, nil, err
	case r.GetTalliedBy() == who:
		return nil, nil, ErrTallierPublish
	case slices.Contains(r.GetIssuers(), who):
		return nil, nil, ErrIssuerCounts
	}
	r.PublishedBy, r.PublishTime = who, timestamppb.New(now)
	published := make([]*evaluationv1.Result, len(results))
	for i, result := range results {
		published[i] = proto.CloneOf(result)
		published[i].PublishTime = r.GetPublishTime()
	}
	return r, published, nil
}
