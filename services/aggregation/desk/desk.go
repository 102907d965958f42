// Package desk takes reports (报表受理): it stores what other systems say, has
// every row judged, counts what a superior accepts, and keeps what cannot be placed
// yet. What a report must be is decided by the rules in package reports, files are
// read by package intake, figures are kept by package figures, and what is owed and
// how good what came is says package dues.
//
// Rows are kept in pages. A report of one page is dealt with in the transaction
// of the call; of a longer one the rows wait in the store, and a worker goes on
// with them page by page. Each page, and how far the work has come, is written in
// one transaction: wherever the process ends, no row is lost or counted twice.
package desk

import (
	"context"
	"sync"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/dues"
	"github.com/duban-project/duban/services/aggregation/jobs"
	"github.com/duban-project/duban/services/aggregation/known"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/turns"
	"github.com/duban-project/duban/services/aggregation/waiting"
	"github.com/duban-project/duban/services/internal/change"
)

// service is whose records they are.
const service = "aggregation"

// organization is whose feed tells of units.
const organization = "organization"

// Directory knows the units as they are now, and where they stood.
type Directory interface {
	dues.Directory
	Path(name string) []string
	Stood(name string, t time.Time) []string
	Position() uint64
	// CatchUp brings it, and the tree by which figures are kept, up to date.
	CatchUp(context.Context) error
}

// Desk implements the methods of AggregationService that are about what was reported.
type Desk struct {
	book      *change.Book
	directory Directory
	owed      *dues.Ledger
	reports   change.Kind[*aggregationv1.Report]
	pages     change.Kind[*aggregationv1.ReportPage]
	sources   change.Kind[*aggregationv1.ReportSource]
	codes     change.Kind[*aggregationv1.ReportCode]

	hearCampaigns func(context.Context) error // brings what is known of campaigns up to date

	wake chan struct{} // holds a token if there may be jobs
	room *turns.Room   // for rows that are being read and judged

	mu    sync.Mutex
	known *codebook

	seen  *memory // the worker's own
	units uint64  // so many entries of organization's feed the tree has at least; the worker's own
}

// memory is which figures rows of a report brought, by how far a job on it is.
type memory struct {
	of      string
	kind    aggregationv1.ReportJob_Kind
	done    int32
	figures reports.Figures
}

// Indexes are the fields by which records are found other than by name.
var Indexes = map[string][]string{
	"duban.aggregation.v1.Report":       {"unit", "duty"},
	"duban.aggregation.v1.ReportPage":   nil,
	"duban.aggregation.v1.ReportSource": {"unit"},
	"duban.aggregation.v1.ReportCode":   nil,
}

// Buckets hold what is neither record nor index.
var Buckets = []string{jobs.SpoolBucket, jobs.Bucket, waiting.Bucket, known.Bucket}

// New returns the desk that writes in book, and asks the ledger until when a report
// may come. hearCampaigns brings what is known of campaigns up to date.
func New(book *change.Book, directory Directory, owed *dues.Ledger, hearCampaigns func(context.Context) error) *Desk {
	d := &Desk{book: book, directory: directory, owed: owed, hearCampaigns: hearCampaigns, wake: make(chan struct{}, 1), room: turns.New()}
	d.reports = change.Kind[*aggregationv1.Report]{Book: book, Unit: (*aggregationv1.Report).GetUnit, Show: d.shown}
	d.pages = change.Kind[*aggregationv1.ReportPage]{Book: book}
	d.sources = change.Kind[*aggregationv1.ReportSource]{Book: book, Unit: (*aggregationv1.ReportSource).GetUnit}
	d.codes = change.Kind[*aggregationv1.ReportCode]{Book: book}
	return d
}

// Stir lets the worker look for jobs.
func (d *Desk) Stir() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
