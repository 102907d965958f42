package server_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/count"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/figures/reported"
	"github.com/duban-project/duban/services/aggregation/recount"
	"github.com/duban-project/duban/services/aggregation/recount/recounttest"
	"github.com/duban-project/duban/services/aggregation/recount/sum"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// history is a random past of the suite: feeds that grow, of which parts are
// counted.
type history struct {
	*rapid.T
	t       *testing.T
	stores  map[string]store.Engine
	feeds   map[string][]*feedv1.Entry
	counted map[string]int
	now     time.Time
	parents map[string]string
	problem []*rectificationv1.Problem
	ledger  []*rectificationv1.Ledger
	task    []*campaignv1.Assignment
	voice   []*complaintv1.Complaint
	reports int64
	papers  []*filed
	about   []string // the units that reports are about, if not all
}

var services = []string{"organization", "aggregation", "campaign", "rectification", "evaluation", "complaint"}

func newHistory(t *testing.T, r *rapid.T) *history {
	h := newEmptyHistory(t, r)
	for _, u := range [][2]string{{"root", ""}, {"a", "root"}, {"b", "root"}, {"a1", "a"}, {"a2", "a"}, {"b1", "b"}, {"a1x", "a1"}} {
		h.lie(u[0], u[1])
	}
	return h
}

// newEmptyHistory is one without units.
func newEmptyHistory(t *testing.T, r *rapid.T) *history {
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	h := &history{
		T: r, t: t, stores: map[string]store.Engine{}, feeds: map[string][]*feedv1.Entry{}, counted: map[string]int{},
		now: time.Date(2025, 12, 20, 2, 0, 0, 0, time.UTC), parents: map[string]string{},
	}
	if h.stores["aggregation"], err = bolt.Open(filepath.Join(dir, "aggregation.db"), bolt.Options{MapSize: 1 << 24}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *history) close() {
	if err := h.stores["aggregation"].Close(); err != nil {
		h.t.Error(err)
	}
}

// fed is the store of a service that has a feed and nothing else.
type fed struct {
	store.Engine
	store.Tx
	entries []*feedv1.Entry
}

func (f fed) View(_ context.Context, read func(store.Tx) error) error { return read(f) }

func (f fed) Scan(string, []byte, []byte) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for _, e := range f.entries {
			b, err := proto.Marshal(e)
			if !yield(store.Entry{Key: binary.BigEndian.AppendUint64(nil, e.GetSeq()), Value: b}, err) {
				return
			}
		}
	}
}

// append adds an entry to a feed; a nil body says that the subject is gone.
func (h *history) append(service, subject string, body proto.Message) {
	e := &feedv1.Entry{Version: 1, Seq: uint64(len(h.feeds[service])), At: timestamppb.New(h.now), Effective: timestamppb.New(h.now), Subject: subject}
	if body != nil {
		wrapped, err := anypb.New(body)
		if err != nil {
			h.Fatal(err)
		}
		e.Body = wrapped
	}
	h.feeds[service] = append(h.feeds[service], e)
}

func (h *history) pick(label string, n int) int { return rapid.IntRange(0, n-1).Draw(h.T, label) }
func (h *history) unit() string                 { return "units/" + rapid.SampledFrom(names).Draw(h.T, "unit") }
func (h *history) subject() string {
	if len(h.about) > 0 {
		return "units/" + rapid.SampledFrom(h.about).Draw(h.T, "subject")
	}
	return h.unit()
}
func (h *history) flip(label string) bool { return rapid.Bool().Draw(h.T, label) }

var names = []string{"root", "a", "b", "a1", "a2", "b1", "a1x"}

// workers are the units that have problems of their own; of the others reports alone
// tell what stands.
var workers = []string{"root", "a", "a1", "a1x"}

func (h *history) today() string { return calendar.On(h.now).String() }

// around is a day near today, or none.
func (h *history) around() string {
	n := h.pick("days", 80)
	if n == 0 {
		return ""
	}
	return calendar.On(h.now.AddDate(0, 0, n-40)).String()
}

func (h *history) stamp() *timestamppb.Timestamp { return timestamppb.New(h.now) }

func (h *history) lie(name, parent string) {
	h.parents[name] = parent
	u := &organizationv1.Unit{Name: "units/" + name}
	if parent != "" {
		u.Parent = "units/" + parent
	}
	h.append("organization", u.GetName(), u)
}

// beneath says whether a lies beneath b, or is it.
func (h *history) beneath(a, b string) bool {
	for ; a != ""; a = h.parents[a] {
		if a == b {
			return true
		}
	}
	return false
}

var campaigns = []string{"", "campaigns/x", "campaigns/y"}

func (h *history) actions() map[string]func(*rapid.T) {
	do := func(f func()) func(*rapid.T) {
		return func(t *rapid.T) { h.T = t; f() }
	}
	return map[string]func(*rapid.T){
		"later":     do(func() { h.now = h.now.Add(time.Duration(h.pick("hours", 400)) * time.Hour) }),
		"move":      do(h.move),
		"enter":     do(h.enterProblem),
		"problem":   do(h.changeProblem),
		"problem2":  do(h.changeProblem),
		"ledger":    do(h.changeLedger),
		"task":      do(h.changeTask),
		"complaint": do(h.changeComplaint),
		"result":    do(h.changeResult),
		"report":    do(h.report),
		"submit":    do(h.submit),
		"review":    do(h.review),
		"count":     do(func() { h.count(services[2+h.pick("service", 4)], 1+h.pick("entries", 9)) }),
	}
}

func (h *history) move() {
	name, to := names[1+h.pick("mover", len(names)-1)], names[h.pick("target", len(names))]
	if !h.beneath(to, name) {
		h.lie(name, to)
	}
}

func (h *history) enterProblem() {
	p := &rectificationv1.Problem{
		Name: fmt.Sprintf("ledgers/l/problems/%04d", len(h.problem)), Unit: "units/" + rapid.SampledFrom(workers).Draw(h.T, "worker"), Campaign: campaigns[h.pick("campaign", 3)],
		CreateTime: h.stamp(), State: rectificationv1.Problem_STATE_IDENTIFIED, Source: rectificationv1.Problem_Source(h.pick("source", 3)),
	}
	h.problem = append(h.problem, p)
	h.shape(p)
}

func (h *history) shape(p *rectificationv1.Problem) {
	p.Category = rapid.SampledFrom([]string{"", "c1", "c2"}).Draw(h.T, "category")
	p.Accepted, p.Deadline, p.AcceptedContent = h.flip("accepted"), h.around(), nil
	if p.GetAccepted() && h.pick("kept", 3) > 0 { // else it was accepted before content was kept
		p.AcceptedContent = &rectificationv1.AcceptedContent{Category: rapid.SampledFrom([]string{"", "c1", "c2"}).Draw(h.T, "accepted as")}
	}
	h.append("rectification", p.GetName(), p)
}

func (h *history) changeProblem() {
	if len(h.problem) == 0 {
		return
	}
	p := h.problem[h.pick("problem", len(h.problem))]
	p.State = rectificationv1.Problem_State(1 + h.pick("state", 9))
	p.Returns += int32(h.pick("returns", 2))
	p.Reopens += int32(h.pick("reopens", 2))
	p.CloseTime = nil
	if p.GetState() == rectificationv1.Problem_STATE_CLOSED {
		p.CloseTime = h.stamp()
	}
	if h.pick("gone", 12) == 0 {
		h.append("rectification", p.GetName(), nil)
		return
	}
	h.shape(p)
}

func (h *history) changeLedger() {
	if h.flip("new") || len(h.ledger) == 0 {
		h.ledger = append(h.ledger, &rectificationv1.Ledger{
			Name: fmt.Sprintf("ledgers/%d", len(h.ledger)), Unit: h.unit(), Campaign: campaigns[h.pick("campaign", 3)], FilingDueDate: h.around(),
		})
	}
	l := h.ledger[h.pick("ledger", len(h.ledger))]
	l.Version += int32(h.pick("version", 2))
	l.State = rectificationv1.Ledger_State(1 + h.pick("state", 5))
	if h.pick("closed", 4) == 0 {
		l.CampaignCloseDate = h.around()
	}
	if h.pick("archived", 6) == 0 {
		l.UnitArchiveDate = h.around()
	}
	if l.GetVersion() > 0 {
		l.ReturnReason, l.CorrectionDueDate = "", ""
		if h.flip("returned") {
			l.ReturnReason, l.CorrectionDueDate = "why", max(l.GetFilingDueDate(), h.around())
		}
		l.AcknowledgeDueDate = h.around()
		if h.flip("answered") {
			l.AcknowledgeDueDate = ""
		}
		l.FiledLate, l.AcknowledgedVersion = h.flip("late"), int32(h.pick("acknowledged", 2))
	}
	h.append("rectification", l.GetName(), l)
}

func (h *history) changeTask() {
	if h.flip("new") || len(h.task) == 0 {
		h.task = append(h.task, &campaignv1.Assignment{
			Name: fmt.Sprintf("campaigns/x/assignments/%d", len(h.task)), Unit: h.unit(), Campaign: "campaigns/x", DueDate: h.around(), State: 1,
		})
	}
	a := h.task[h.pick("task", len(h.task))]
	a.State = campaignv1.Assignment_State(1 + h.pick("state", 5))
	if h.flip("returned") {
		a.Returns++
		a.CorrectionDueDate = max(a.GetDueDate(), h.around())
	}
	a.Late = h.flip("late")
	if h.pick("closed", 4) == 0 {
		a.CampaignCloseDate = h.around()
	}
	if h.pick("archived", 6) == 0 {
		a.UnitArchiveDate = h.around()
	}
	if h.flip("received") {
		a.ReceiveTime = h.stamp()
	}
	if h.flip("submitted") {
		a.SubmitTime = h.stamp()
	}
	a.ApproveTime = h.stamp()
	h.append("campaign", a.GetName(), a)
}

func (h *history) changeComplaint() {
	if h.flip("new") || len(h.voice) == 0 {
		h.voice = append(h.voice, &complaintv1.Complaint{
			Name: fmt.Sprintf("complaints/%d", len(h.voice)), Unit: h.unit(), Desk: h.unit(), CreateTime: h.stamp(), Sealed: h.pick("sealed", 4) == 0,
			Type: complaintv1.Complaint_Type(1 + h.pick("type", 5)), FinishDue: &complaintv1.Due{Date: h.around()},
		})
	}
	c := h.voice[h.pick("complaint", len(h.voice))]
	c.State = complaintv1.Complaint_State(1 + h.pick("state", 6))
	if c.DecideDue = nil; h.flip("decide") { // packs for enquiries set a limit for the answer alone
		c.DecideDue = &complaintv1.Due{Date: h.around()}
	}
	if h.flip("accepted") {
		c.AcceptTime = h.stamp()
	}
	if h.flip("replied") {
		c.ReplyTime = h.stamp()
	}
	c.CloseTime = h.stamp()
	h.append("complaint", c.GetName(), c)
}

func (h *history) changeResult() {
	r := &evaluationv1.Result{Name: fmt.Sprintf("rounds/%d/results/%d", h.pick("round", 3), h.pick("nr", 2)), Unit: "units/a1"}
	if h.flip("published") {
		r.PublishTime, r.Rank, r.CompositeMilli = h.stamp(), int32(1+h.pick("rank", 3)), proto.Int64(int64(h.pick("score", 100)))
	}
	h.append("evaluation", r.GetName(), r)
	h.append("evaluation", "rounds/0", &evaluationv1.Round{
		Name: "rounds/0", Owner: "units/a", State: evaluationv1.Round_State(1 + h.pick("state", 5)), PublishTime: h.stamp(),
	})
}

// filed is a report that awaits a superior, or did, with its only page and the one in
// whose place it is to count.
type filed struct {
	*aggregationv1.Report
	page *aggregationv1.ReportPage
	over *filed
}

// compose is a report that the desk would take.
func (h *history) compose() *filed {
	h.count("organization", len(h.feeds["organization"]))
	h.reports++
	form := h.form("reportForms/" + []string{"ledger", "complaints", "tasks"}[h.pick("form", 3)] + "-monthly")
	r := &aggregationv1.Report{
		Name: fmt.Sprintf("reports/%d", h.reports), Form: form.GetName(), Unit: "units/root", State: aggregationv1.Report_STATE_SUBMITTED,
		Period: h.now.AddDate(0, -1-h.pick("months", 3), -h.now.Day()+1).Format("2006-01"), Source: []string{"s", "t"}[h.pick("source", 2)],
		Sequence: h.reports + 1000*int64(h.pick("sequence", 3)), CreateTime: h.stamp(),
	}
	return &filed{Report: r}
}

// write lets a report say something.
func (h *history) write(p *filed) {
	form := h.form(p.GetForm())
	p.page = &aggregationv1.ReportPage{Name: p.GetName() + "/pages/000000", Report: p.GetName()}
	for _, field := range form.GetFields() {
		if h.flip(field.GetField()) {
			p.page.Rows = append(p.page.Rows, &aggregationv1.Report_Row{
				ResolvedUnit: h.subject(), Field: field.GetField(), Campaign: campaigns[h.pick("campaign", 1+2*min(1, len(form.GetDimensions())))], Value: int64(h.pick("value", 5)),
			})
		}
	}
}

func (h *history) form(name string) *aggregationv1.ReportForm {
	form, err := reports.FindForm(name)
	if err != nil {
		h.Fatal(err)
	}
	return form
}

// report accepts a report, as the desk does, and sometimes takes off what another
// said.
func (h *history) report() {
	p := h.compose()
	h.write(p)
	p.State = aggregationv1.Report_STATE_ACCEPTED
	h.keep(p)
	h.fold(p, p, h.enters)
	if h.flip("withdraw") {
		h.fold(p, p, h.withdraws)
	}
}

// keep appends a report as it is now.
func (h *history) keep(p *filed) { h.append("aggregation", p.GetName(), proto.CloneOf(p.Report)) }

// submit has a report await a superior, perhaps in the place of another.
func (h *history) submit() {
	p := h.compose()
	if len(h.papers) > 0 && h.flip("corrects") {
		h.replace(p, h.papers[h.pick("before", len(h.papers))])
	}
	h.write(p)
	h.papers = append(h.papers, p)
	h.fold(p, p, func(fold *figures.Fold, row *aggregationv1.Report_Row, said reported.Figure) error {
		verdict, err := fold.Judge(said)
		if row.Proposed = verdict != aggregationv1.Report_VERDICT_CONFLICT && verdict != aggregationv1.Report_VERDICT_REJECTED; row.Proposed {
			err = fold.Propose(said)
		}
		return reports.Mark(nil, row, verdict, err)
	})
	h.keep(p)
	if p.over == nil {
		return
	}
	h.fold(p, p.over, func(fold *figures.Fold, row *aggregationv1.Report_Row, said reported.Figure) error {
		says, err := fold.Proposes(said)
		if !row.GetCounted() || says || err != nil {
			return err
		}
		p.over.page.Dropped = append(p.over.page.Dropped, int32(slices.Index(p.over.page.GetRows(), row)))
		p.over.page.DroppedBy, said.Drops = p.GetName(), true
		return fold.Propose(said)
	})
}

// replace lets a report take the place of another, if that may be.
func (h *history) replace(p, before *filed) {
	origin := before.over
	if before.GetState() == aggregationv1.Report_STATE_ACCEPTED {
		origin = before
	}
	claimed := origin.report().GetSupersededBy()
	if before.GetState() == aggregationv1.Report_STATE_SUPERSEDED || before.GetSupersededBy() != "" || claimed != "" && claimed != before.GetName() {
		return
	}
	p.Form, p.Period, p.Source, p.Supersedes, p.over = before.GetForm(), before.GetPeriod(), before.GetSource(), before.GetName(), origin
	if before.GetState() == aggregationv1.Report_STATE_SUBMITTED {
		h.leave(before)
		before.State = aggregationv1.Report_STATE_SUPERSEDED
	}
	for _, o := range []*filed{before, origin} {
		if o != nil {
			o.SupersededBy = p.GetName()
			h.keep(o)
		}
	}
}

func (p *filed) report() *aggregationv1.Report {
	if p == nil {
		return nil
	}
	return p.Report
}

// leave takes off what a report proposed.
func (h *history) leave(p *filed) {
	h.fold(p, p, func(fold *figures.Fold, row *aggregationv1.Report_Row, said reported.Figure) error {
		if !row.GetProposed() {
			return nil
		}
		row.Proposed = false
		return fold.Retract(said)
	})
	if p.over == nil || p.over.page.GetDroppedBy() != p.GetName() {
		return
	}
	dropped := p.over.page.GetDropped()
	p.over.page.Dropped, p.over.page.DroppedBy = nil, ""
	h.fold(p, p.over, func(fold *figures.Fold, row *aggregationv1.Report_Row, said reported.Figure) error {
		if said.Drops = slices.Contains(dropped, int32(slices.Index(p.over.page.GetRows(), row))); said.Drops {
			return fold.Retract(said)
		}
		return nil
	})
}

// review accepts or returns a report that awaits that.
func (h *history) review() {
	if len(h.papers) == 0 {
		return
	}
	h.count("organization", len(h.feeds["organization"]))
	p := h.papers[h.pick("paper", len(h.papers))]
	if p.GetState() != aggregationv1.Report_STATE_SUBMITTED {
		return
	}
	h.leave(p)
	p.Reviewer = "people/somebody"
	if p.State = aggregationv1.Report_STATE_RETURNED; h.flip("accepts") {
		p.State = aggregationv1.Report_STATE_ACCEPTED
		h.fold(p, p, h.enters)
	}
	h.keep(p)
	switch o := p.over; {
	case o == nil:
	case p.GetState() == aggregationv1.Report_STATE_RETURNED:
		o.SupersededBy = ""
		h.keep(o)
	default:
		h.fold(o, o, h.withdraws)
		o.State = aggregationv1.Report_STATE_SUPERSEDED
		h.keep(o)
	}
}

func (h *history) enters(fold *figures.Fold, row *aggregationv1.Report_Row, said reported.Figure) error {
	verdict, counted, err := fold.Enter(said)
	row.Counted = counted
	return reports.Mark(nil, row, verdict, err)
}

func (h *history) withdraws(fold *figures.Fold, row *aggregationv1.Report_Row, said reported.Figure) error {
	if !row.GetCounted() {
		return nil
	}
	row.Counted = false
	return fold.Withdraw(said)
}

// fold does something for a report with every row of a page, and stores that.
func (h *history) fold(by, of *filed, do func(*figures.Fold, *aggregationv1.Report_Row, reported.Figure) error) {
	form := h.form(by.GetForm())
	h.update(func(tx store.Tx) error {
		fold := figures.New(tx)
		if err := fold.At(h.now); err != nil {
			return err
		}
		for _, row := range of.page.GetRows() {
			m, err := reports.ReadRow(form, row)
			if err != nil {
				return err
			}
			err = do(fold, row, reported.Figure{
				Cell: aggregation.Cell{Unit: row.GetResolvedUnit(), Campaign: row.GetCampaign()}, Metric: m, Form: by.GetForm(),
				Months: []string{by.GetPeriod()}, Source: reports.SourceName(by.GetUnit(), by.GetSource()), Sequence: by.GetSequence(),
				Supersedes: by.over.report().GetSequence(), Value: row.GetValue(),
				Proposer: reported.Proposer{Report: by.GetName(), Came: by.GetCreateTime().AsTime().UnixNano(), Sequence: by.GetSequence()},
			})
			if err != nil {
				return err
			}
		}
		return fold.Flush()
	})
	h.append("aggregation", of.page.GetName(), of.page)
}

func (h *history) update(f func(store.Tx) error) {
	if err := h.stores["aggregation"].Update(h.t.Context(), f); err != nil {
		h.Fatal(err)
	}
}

// count counts the next n entries of a feed, and before them all units, as the
// followers do.
func (h *history) count(service string, n int) {
	for _, tree := range []string{"organization", "federation"} { // what tells of the tree comes first, as for followers
		if service != tree && service != "organization" {
			h.count(tree, len(h.feeds[tree]))
		}
	}
	from := h.counted[service]
	to := min(from+n, len(h.feeds[service]))
	if from == to {
		return
	}
	again := max(0, from-5) // entries that come twice count once
	h.update(func(tx store.Tx) error { return count.Source{Feed: service}.Count(tx, h.feeds[service][again:to]) })
	h.counted[service] = to
}

// settle counts everything and lets the stores have their feeds.
func (h *history) settle() {
	for _, s := range services {
		if s == "aggregation" {
			continue
		}
		h.count(s, len(h.feeds[s]))
		h.stores[s] = fed{entries: h.feeds[s]}
	}
	h.update(func(tx store.Tx) error {
		for kv, err := range (fed{entries: h.feeds["aggregation"]}).Scan("", nil, nil) {
			if err != nil {
				return err
			}
			if err := tx.Put("feed.entries", kv.Key, kv.Value); err != nil {
				return err
			}
		}
		return nil
	})
}

// Whatever happened, and however it was counted: the figures are those of a
// recount, and status reads them.
func TestFiguresAreThoseOfARecount(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := newHistory(t, r)
		defer h.close()
		r.Repeat(h.actions())
		h.T = r
		h.settle()
		sources := recount.Sources("", h.stores)
		want, err := recount.Count(t.Context(), h.stores["aggregation"], sources)
		if err != nil {
			r.Fatal(err)
		}
		if err := recount.Check(t.Context(), h.stores["aggregation"], sources); err != nil {
			r.Fatal(err)
		}
		err = h.stores["aggregation"].View(t.Context(), func(tx store.Tx) error {
			if err := want.Compare(tx); err != nil {
				return err
			}
			for range 20 {
				if err := h.ask(tx, want); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			r.Fatal(err)
		}
	})
}

// ask compares one answer with the recount's.
func (h *history) ask(tx store.Tx, want *sum.Figures) error {
	q := figures.Query{
		Unit: h.unit(), Campaign: campaigns[h.pick("campaign", 3)], Start: h.around(), End: h.around(), Today: h.today(),
		Own: h.flip("own"), Beneath: h.flip("beneath"), Source: []string{"", "SELF_CHECK"}[h.pick("source", 2)],
	}
	if q.Campaign != "" {
		q.Category = []string{"", "c1"}[h.pick("category", 2)]
	}
	q.End = max(q.Start, cmp.Or(q.End, h.today()))
	got, err := figures.Read(tx, q, aggregation.Sums(aggregation.Definitions...))
	if err != nil {
		return err
	}
	for _, d := range aggregation.Definitions {
		if slices.Contains([]aggregationv1.Metric_Kind{aggregationv1.Metric_KIND_RATIO, aggregationv1.Metric_KIND_LATEST}, d.Kind) {
			continue
		}
		n := recounttest.Question{
			Unit: q.Unit, Campaign: q.Campaign, Category: q.Category, Source: q.Source, Metric: d.ID, Flow: d.Flow(),
			Start: q.Start, End: q.End, Today: q.Today, Own: q.Own, Beneath: q.Beneath,
		}.Value(want)
		one, err := figures.Read(tx, q, aggregation.Sums(d))
		if err != nil {
			return err
		}
		if n != got[d.Metric] || n != one[d.Metric] {
			return fmt.Errorf("%s of %+v is %d, by itself %d, and %d when counted anew", d.ID, q, got[d.Metric], one[d.Metric], n)
		}
	}
	return nil
}
