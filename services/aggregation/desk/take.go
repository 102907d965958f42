package desk

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/intake"
	"github.com/duban-project/duban/services/aggregation/jobs"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/waiting"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
)

// parcel is a report on its way in.
type parcel struct {
	asked  *aggregationv1.Report
	form   *aggregationv1.ReportForm
	heads  map[string]string // what a file calls its columns
	keep   func(rows int)    // gives back what room so many rows do not need
	pages  [][]*aggregationv1.Report_Row
	totals *aggregationv1.Report_Totals // of a long report that is only to be checked
	wrong  []*aggregationv1.Report_Row  // the first of its rows that would not count
}

// pageBytes is how many bytes the rows of a page have at most: its entry in the feed
// holds them, and beside them what every entry does.
const pageBytes = feed.MaxEntry - 4<<10

// CreateReport implements the RPC. Rows may name units that were entered a moment
// ago.
func (d *Desk) CreateReport(ctx context.Context, req *aggregationv1.CreateReportRequest) (*aggregationv1.Report, error) {
	return d.receive(ctx, req, func(context.Context) (content, error) { return reports.Plain(req.GetReport().GetRows()), nil })
}

// UploadReport implements the RPC.
func (d *Desk) UploadReport(ctx context.Context, req *aggregationv1.UploadReportRequest) (*aggregationv1.Report, error) {
	return d.receive(ctx, req, func(ctx context.Context) (content, error) { return intake.Open(ctx, req.GetFormat(), req.GetContent()) })
}

// receive takes a report whose rows are read once there is room for them.
func (d *Desk) receive(ctx context.Context, req taking, open func(context.Context) (content, error)) (*aggregationv1.Report, error) {
	p := &parcel{asked: reports.Headed(req.GetReport()), keep: func(int) {}}
	defer func() { p.keep(0) }()
	unpack := change.Before(func(ctx context.Context) (err error) {
		p.keep(0) // of an attempt before this one
		c, err := open(ctx)
		if err != nil {
			return err
		}
		if p.keep, err = d.room.Take(ctx, c.Most()); err != nil {
			return err
		}
		err = p.unpack(ctx, c)
		p.keep(len(p.asked.Rows))
		if err := errors.Join(err, d.hear(ctx, p.pages)); err != nil || !req.GetValidateOnly() || len(p.pages) == 1 {
			return err
		}
		return d.preview(ctx, p)
	})
	r, err := change.Do(ctx, d.book, req, func(tx *change.Tx) (*aggregationv1.Report, error) {
		return d.takeOnce(tx, p)
	}, change.In(p.asked.GetUnit()), change.CatchUp(), unpack)
	if err == nil {
		d.Stir() // it may be long, or what it supersedes may
	}
	return r, err
}

// content is what a report brings: how many rows at most, and which, with what it calls
// its columns.
type content interface {
	Most() int
	Read(context.Context, *aggregationv1.ReportForm) ([]*aggregationv1.Report_Row, map[string]string, error)
}

// taking is a request that brings a report.
type taking interface {
	change.Request
	GetReport() *aggregationv1.Report
}

// unpack reads the rows and parts them into pages.
func (p *parcel) unpack(ctx context.Context, c content) (err error) {
	if p.form, err = reports.FindForm(p.asked.GetForm()); err != nil {
		return err
	}
	if p.asked.Rows, p.heads, err = c.Read(ctx, p.form); err != nil {
		return err
	}
	p.asked.ContentDigest = reports.Digest(p.asked)
	p.pages = reports.Paged(reports.Rows(p.form, p.asked), pageBytes)
	return nil
}

// preview judges a long report of which nothing is to be kept, beside the
// transactions that write.
func (d *Desk) preview(ctx context.Context, p *parcel) error {
	return d.book.View(ctx, func(tx *change.Tx) error {
		r, err := d.arrive(tx, p)
		if err != nil {
			return err
		}
		j, err := d.judge(tx, r)
		if err != nil {
			return err
		}
		p.totals = r.GetTotals()
		return j.try(p)
	})
}

// try judges all pages of a report, and stores nothing. Sentences stay with as many rows as
// are answered: the first that would not count are among the first that have no place, and
// those that are judged wrong later.
func (j *judge) try(p *parcel) error {
	told := 0
	for _, rows := range p.pages {
		if _, err := j.find(rows, all); err != nil {
			return err
		}
		if told >= reports.PageRows {
			reports.Hush(rows)
		} else {
			told += len(reports.Wrong(rows))
		}
	}
	p.wrong = nil // of an attempt before this one
	for _, rows := range p.pages {
		if err := j.settle(rows); err != nil {
			return err
		}
		if len(p.wrong) < reports.PageRows {
			p.wrong = append(p.wrong, reports.Wrong(rows)...)
		} else {
			reports.Hush(rows)
		}
		reports.Tally(p.totals, 1, rows...)
	}
	p.wrong = reports.Paged(p.wrong, pageBytes)[0]
	return nil
}

// takeOnce answers with the report that was taken before, or takes it.
func (d *Desk) takeOnce(tx *change.Tx, p *parcel) (*aggregationv1.Report, error) {
	taken, err := d.reports.Seek(tx, reports.Name(p.asked))
	if err != nil {
		return nil, err
	}
	if taken == nil {
		return d.take(tx, p)
	}
	if err := reports.Again(taken, p.asked); err != nil {
		return nil, err
	}
	return d.whole(tx, taken)
}

// take stores a report that is new, that its source has sent it, and that another
// is superseded.
func (d *Desk) take(tx *change.Tx, p *parcel) (*aggregationv1.Report, error) {
	r, err := d.arrive(tx, p)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(d.took(tx, r), d.replace(tx, r)); err != nil {
		return nil, err
	}
	switch {
	case p.totals != nil:
		r.Totals, r.Rows = p.totals, p.wrong
		return r, nil
	case len(p.pages) > 1:
		return d.keep(tx, r, p.pages)
	}
	if err := d.judgeAtOnce(tx, r, p.pages[0]); err != nil {
		return nil, err
	}
	if r, err = reports.Judged(r); err != nil {
		return nil, err
	}
	if err := d.align(tx, r, r.GetPages()); err != nil {
		return nil, err
	}
	return d.put(tx, r)
}

// judgeAtOnce judges and stores the only page.
func (d *Desk) judgeAtOnce(tx *change.Tx, r *aggregationv1.Report, rows []*aggregationv1.Report_Row) error {
	j, err := d.judge(tx, r)
	if err != nil {
		return err
	}
	page := proto.CloneOf(&aggregationv1.ReportPage{Name: reports.PageName(r.GetName(), 0), Report: r.GetName(), Rows: rows}) // a transaction may be run again
	if _, err := j.find(page.GetRows(), all); err != nil {
		return err
	}
	if err := errors.Join(waiting.Note(j.tx, j.report, page.GetRows()), j.page(page)); err != nil {
		return err
	}
	reports.Tally(r.Totals, 1, page.GetRows()...)
	return d.doubt(tx, page)
}

// put stores a report and answers with all of it.
func (d *Desk) put(tx *change.Tx, r *aggregationv1.Report) (*aggregationv1.Report, error) {
	r, err := d.reports.Put(tx, r)
	if err != nil {
		return nil, err
	}
	return d.whole(tx, r)
}

// arrive holds a new report against what it meets.
func (d *Desk) arrive(tx *change.Tx, p *parcel) (*aggregationv1.Report, error) {
	a := reports.Arrival{Form: p.form, Today: d.book.Today()}
	period, err := reports.ParsePeriod(p.form, p.asked.GetPeriod())
	if err != nil {
		return nil, err
	}
	a.Window = d.owed.Window(p.form, period)
	a.Owed = d.owed.Owes(reports.FormPeriod{Form: p.form, Period: period}, p.asked.GetUnit())
	if a.Leave, err = d.owed.Leave(tx, p.form, period, p.asked.GetUnit()); err != nil {
		return nil, err
	}
	if a.Before, err = d.before(tx, p.asked); err != nil {
		return nil, err
	}
	if a.Origin, err = d.origin(tx, p.asked); err != nil {
		return nil, err
	}
	r, err := reports.NewReport(p.asked, a)
	if err != nil {
		return nil, err
	}
	r.Pages, r.Columns = int32(len(p.pages)), p.heads
	return r, nil
}

// took stores that the source has sent a report.
func (d *Desk) took(tx *change.Tx, r *aggregationv1.Report) error {
	name := reports.SourceName(r.GetUnit(), r.GetSource())
	source, err := d.sources.Seek(tx, name)
	if err != nil {
		return err
	}
	if source == nil {
		source = &aggregationv1.ReportSource{Name: name, Unit: r.GetUnit(), Source: r.GetSource()}
	}
	if source, err = reports.Took(source, r, tx.Now); err != nil {
		return err
	}
	_, err = d.sources.PutAs(tx, "source.reported", source)
	return err
}

// gone stores until when the source has reported, as a report that it sent is returned.
func (d *Desk) gone(tx *change.Tx, r *aggregationv1.Report) error {
	source, err := d.sources.Find(tx, reports.SourceName(r.GetUnit(), r.GetSource()))
	if err != nil || !reports.Reaches(source, r) {
		return err
	}
	sent, err := d.owed.Sent(tx, r.GetUnit())
	if err != nil {
		return err
	}
	now := reports.Recounted(source, sent, tx.Now)
	if proto.Equal(now, source) {
		return nil
	}
	_, err = d.sources.PutAs(tx, "source.recounted", now)
	return err
}

// keep leaves the rows of a long report to the worker.
func (d *Desk) keep(tx *change.Tx, r *aggregationv1.Report, pages [][]*aggregationv1.Report_Row) (*aggregationv1.Report, error) {
	for i, rows := range pages {
		if err := jobs.Spool(tx, reports.PageName(r.GetName(), int32(i)), rows); err != nil {
			return nil, err
		}
	}
	job := &aggregationv1.ReportJob{Kind: aggregationv1.ReportJob_KIND_JUDGE, Total: steps(r, aggregationv1.ReportJob_KIND_JUDGE)}
	if err := jobs.Put(tx, r.GetName(), job); err != nil {
		return nil, err
	}
	r, err := d.reports.Put(tx, r)
	if err != nil {
		return nil, err
	}
	return d.shown(tx, r)
}
