// Package regain does once more what the desk did as it wrote the entries of a tail that
// the log had lost and got back: records come with the entries, but what the desk keeps
// beside them does not. What pages say counts is counted, and what they propose is
// proposed, as of when it was; rows in quarantine wait again, and what was under way goes
// on, or ends. It judges nothing: what a row came to, its page says. Work that comes of
// it is package desk's, and when a tail is taken over package recovery's.
package regain

import (
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/jobs"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/waiting"
	"github.com/duban-project/duban/services/internal/store"
)

var (
	papers = store.Table[*aggregationv1.Report]{Bucket: "duban.aggregation.v1.Report", Key: (*aggregationv1.Report).GetName}
	pages  = store.Table[*aggregationv1.ReportPage]{Bucket: "duban.aggregation.v1.ReportPage", Key: (*aggregationv1.ReportPage).GetName}
)

// Again is what recovery.Log asks for of aggregation.
type Again struct{}

// Entry takes in what an entry of the tail says that took effect at a moment, before it
// is put in the place of what stands there.
func (Again) Entry(tx store.Tx, at time.Time, row store.Row) error {
	t := taking{tx, at}
	switch row.Table {
	case pages.Bucket:
		p := &aggregationv1.ReportPage{}
		return errors.Join(proto.Unmarshal(row.Value, p), t.page(p))
	case papers.Bucket:
		r := &aggregationv1.Report{}
		return errors.Join(proto.Unmarshal(row.Value, r), t.report(r))
	default:
		return nil
	}
}

// Whole ends it: what the totals of reports have yet to be told by the work on them is
// what their pages say more.
func (Again) Whole(tx store.Tx) error {
	for _, kind := range []aggregationv1.ReportJob_Kind{aggregationv1.ReportJob_KIND_ENTER, aggregationv1.ReportJob_KIND_AGAIN} {
		names, err := jobs.Of(tx, kind)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := tally(tx, name, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

func tally(tx store.Tx, name string, kind aggregationv1.ReportJob_Kind) error {
	job, err := jobs.Find(tx, name, kind)
	if err != nil {
		return err
	}
	r, there, err := papers.Seek(tx, name)
	if err != nil || !there {
		return err
	}
	said := &aggregationv1.Report_Totals{}
	for p, err := range pagesOf(tx, r) {
		if err != nil {
			return err
		}
		reports.Tally(said, 1, p.GetRows()...)
	}
	job.Change = reports.Less(said, r.GetTotals())
	return jobs.Put(tx, name, job)
}

// taking takes an entry in.
type taking struct {
	tx store.Tx
	at time.Time
}

// page takes in a page, as of a report that is there: the only page of a short one comes
// before it, and so does what a correction drops.
func (t taking) page(p *aggregationv1.ReportPage) error {
	r, there, err := papers.Seek(t.tx, p.GetReport())
	if err != nil || !there {
		return err
	}
	before, _, err := pages.Seek(t.tx, p.GetName())
	if err != nil {
		return err
	}
	if err := t.turn(r, before, p); err != nil || r.GetState() != aggregationv1.Report_STATE_PROCESSING {
		return err
	}
	return t.work(r, nil)
}

// report takes in a report, and with a new one the pages that came before it.
func (t taking) report(r *aggregationv1.Report) error {
	_, there, err := papers.Seek(t.tx, r.GetName())
	if err != nil {
		return err
	}
	before, err := t.replaces(r)
	if err != nil {
		return err
	}
	if before.GetState() != aggregationv1.Report_STATE_ACCEPTED {
		before = nil
	}
	if !there {
		if err := t.came(r, before); err != nil {
			return err
		}
	}
	return t.work(r, before)
}

func (t taking) came(r, before *aggregationv1.Report) error {
	for p, err := range pagesOf(t.tx, r) {
		if err := errors.Join(err, t.turn(r, nil, p)); err != nil {
			return err
		}
	}
	for p, err := range pagesOf(t.tx, before) {
		if err == nil && p.GetDroppedBy() == r.GetName() {
			err = t.drop(r, p, p.GetDropped(), true)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replaces is the report in whose place another is to count, or nil.
func (t taking) replaces(r *aggregationv1.Report) (*aggregationv1.Report, error) {
	return reports.Origin(r, func(of *aggregationv1.Report) (*aggregationv1.Report, error) {
		if of.GetSupersedes() == "" {
			return nil, nil
		}
		before, _, err := papers.Seek(t.tx, of.GetSupersedes())
		return before, err
	})
}

// work puts what is to be done on a report as its state asks, from the first page on: the
// desk passes over what is done already, and returns what it has no rows of.
func (t taking) work(r, before *aggregationv1.Report) error {
	name, total := r.GetName(), r.GetPages()+before.GetPages()
	put := func(kind aggregationv1.ReportJob_Kind, total int32) error {
		return jobs.Put(t.tx, name, &aggregationv1.ReportJob{Kind: kind, Total: total})
	}
	switch r.GetState() {
	case aggregationv1.Report_STATE_PROCESSING:
		return put(aggregationv1.ReportJob_KIND_JUDGE, 2*r.GetPages())
	case aggregationv1.Report_STATE_ENTERING:
		return errors.Join(t.end(name, aggregationv1.ReportJob_KIND_JUDGE, aggregationv1.ReportJob_KIND_ALIGN), put(aggregationv1.ReportJob_KIND_ENTER, total))
	case aggregationv1.Report_STATE_ACCEPTED:
		return t.end(name, aggregationv1.ReportJob_KIND_JUDGE, aggregationv1.ReportJob_KIND_ENTER)
	default:
		return errors.Join(t.end(name, aggregationv1.ReportJob_KIND_JUDGE, aggregationv1.ReportJob_KIND_ENTER), put(aggregationv1.ReportJob_KIND_ALIGN, total))
	}
}

// end ends what is under way no more, and forgets the rows that waited for it.
func (t taking) end(report string, kinds ...aggregationv1.ReportJob_Kind) error {
	err := jobs.Unspool(t.tx, report)
	for _, kind := range kinds {
		err = errors.Join(err, jobs.End(t.tx, report, kind))
	}
	return err
}

// await lets the rows of a page that are in quarantine wait, and be judged once more: what
// they wait for may be here already.
func (t taking) await(r *aggregationv1.Report, rows []*aggregationv1.Report_Row) error {
	waits := func(row *aggregationv1.Report_Row) bool {
		return row.GetVerdict() == aggregationv1.Report_VERDICT_QUARANTINED
	}
	if !slices.ContainsFunc(rows, waits) {
		return nil
	}
	return errors.Join(waiting.Note(t.tx, r, rows), jobs.Again(t.tx, r.GetName()))
}
