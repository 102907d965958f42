package jobs

import (
	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// SpoolBucket holds the name of a page → its rows, not judged yet.
const SpoolBucket = "reports.spool"

// Spool keeps the rows of a page that wait.
func Spool(tx store.Tx, page string, rows []*aggregationv1.Report_Row) error {
	b, err := proto.Marshal(&aggregationv1.ReportPage{Rows: rows})
	if err != nil {
		return err
	}
	return tx.Put(SpoolBucket, []byte(page), b)
}

// Spooled returns the rows of a page that wait, or store.ErrNotFound.
func Spooled(tx store.Tx, page string) (*aggregationv1.ReportPage, error) {
	b, err := tx.Get(SpoolBucket, []byte(page))
	if err != nil {
		return nil, err
	}
	p := &aggregationv1.ReportPage{}
	return p, proto.Unmarshal(b, p)
}

// Unspool forgets the rows of a report that wait.
func Unspool(tx store.Tx, report string) error {
	from, to := store.Prefix(report + "/pages/")
	for e, err := range tx.Scan(SpoolBucket, from, to) {
		if err != nil {
			return err
		}
		if err := tx.Delete(SpoolBucket, e.Key); err != nil {
			return err
		}
	}
	return nil
}
