// Package dues keeps the ledger of what is owed (应报): which unit owes which report
// until when and what has come of it, which leave it was given (补报), what awaits
// it, and how good what a source sent is. By which rules that is so is decided by
// package reports; it reads what package desk has stored, and takes, judges and
// counts nothing itself.
package dues

import (
	"iter"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
)

// Directory knows the units as they are now, and as they were.
type Directory interface {
	Unit(name string) *organizationv1.Unit
	// Stands yields what the unit was at any time from one moment to another, and
	// how deep it stood then; nil while it was not there.
	Stands(name string, from, to time.Time) iter.Seq2[*organizationv1.Unit, int]
	// Gone returns since when the unit is archived or merged; zero: it is not.
	Gone(name string) time.Time
	// Subtree lists the unit and all beneath it that are kept here, Whole those too that
	// installations below keep.
	Subtree(name string) []string
	Whole(name string) []string
	// Path lists the unit and those above it, and Root is the topmost.
	Path(name string) []string
	Root() string
	// Turns rises with every change of the tree, here or below.
	Turns() uint64
}

// Ledger implements the methods of AggregationService that are about what is owed.
type Ledger struct {
	book      *change.Book
	directory Directory
	days      *calendar.Calendar
	reports   change.Kind[*aggregationv1.Report]
	sources   change.Kind[*aggregationv1.ReportSource]
	leaves    change.Kind[*aggregationv1.ReportLeave]
	below     Below
	roll      roll
}

// Indexes are the fields by which the ledger's own records are found other than by
// name. It reads those of package desk by the indexes there.
var Indexes = map[string][]string{"duban.aggregation.v1.ReportLeave": {"unit"}}

// New returns the ledger that is kept in book, and counts due days by the calendar.
func New(book *change.Book, directory Directory, days *calendar.Calendar) *Ledger {
	l := &Ledger{book: book, directory: directory, days: days}
	l.reports = change.Kind[*aggregationv1.Report]{Book: book}
	l.sources = change.Kind[*aggregationv1.ReportSource]{Book: book, Unit: (*aggregationv1.ReportSource).GetUnit}
	l.leaves = change.Kind[*aggregationv1.ReportLeave]{Book: book, Unit: (*aggregationv1.ReportLeave).GetUnit}
	return l
}

// Window is until when a report for a period of the form is in time, and taken at all.
func (l *Ledger) Window(form *aggregationv1.ReportForm, period reports.Period) reports.Window {
	return reports.WindowOf(form, period, l.days)
}
