// Package jobs keeps what work there is on long reports, and how far it has come,
// for package desk, whose worker does it. What the work is, it does not know.
package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// Bucket holds report, kind → ReportJob.
const Bucket = "reports.jobs"

// most is how many reports are listed at once.
const most = 100

// key names a job; those of a report stand in the order in which they are
// done.
func key(report string, kind aggregationv1.ReportJob_Kind) []byte {
	return fmt.Appendf(nil, "%s\x00%d", report, kind)
}

// Put stores a job of a report.
func Put(tx store.Tx, report string, job *aggregationv1.ReportJob) error {
	b, err := proto.Marshal(job)
	if err != nil {
		return err
	}
	return tx.Put(Bucket, key(report, job.GetKind()), b)
}

// Find returns a report's job of a kind, or store.ErrNotFound.
func Find(tx store.Tx, report string, kind aggregationv1.ReportJob_Kind) (*aggregationv1.ReportJob, error) {
	b, err := tx.Get(Bucket, key(report, kind))
	if err != nil {
		return nil, err
	}
	job := &aggregationv1.ReportJob{}
	return job, proto.Unmarshal(b, job)
}

// Reports lists some reports on which there is work, at most 100.
func Reports(ctx context.Context, engine store.Engine) (list []string, err error) {
	err = engine.View(ctx, func(tx store.Tx) error {
		list = nil
		for e, err := range tx.Scan(Bucket, nil, nil) {
			if err != nil {
				return err
			}
			report := string(e.Key[:len(e.Key)-2])
			if n := len(list); n == 0 || list[n-1] != report {
				list = append(list, report)
			}
			if len(list) == most {
				return nil
			}
		}
		return nil
	})
	return list, err
}

// Of lists the reports that have a job of a kind.
func Of(tx store.Tx, kind aggregationv1.ReportJob_Kind) (list []string, err error) {
	for e, err := range tx.Scan(Bucket, nil, nil) {
		if err != nil {
			return nil, err
		}
		if report := string(e.Key[:len(e.Key)-2]); bytes.Equal(e.Key, key(report, kind)) {
			list = append(list, report)
		}
	}
	return list, nil
}

// First returns the job of a report that is to be done first, or nil.
func First(tx store.Tx, report string) (*aggregationv1.ReportJob, error) {
	for kind := aggregationv1.ReportJob_KIND_JUDGE; kind <= aggregationv1.ReportJob_KIND_ALIGN; kind++ {
		job, err := Find(tx, report, kind)
		if !errors.Is(err, store.ErrNotFound) {
			return job, err
		}
	}
	return nil, nil
}

// Again lets the quarantined rows of a report be judged once more, from the
// first page on, wherever an earlier time of it is.
func Again(tx store.Tx, report string) error {
	job, err := Find(tx, report, aggregationv1.ReportJob_KIND_AGAIN)
	if errors.Is(err, store.ErrNotFound) {
		job, err = &aggregationv1.ReportJob{Kind: aggregationv1.ReportJob_KIND_AGAIN}, nil
	}
	if err != nil {
		return err
	}
	job.Done, job.Failed = 0, false
	return Put(tx, report, job)
}

// End deletes a report's job of a kind.
func End(tx store.Tx, report string, kind aggregationv1.ReportJob_Kind) error {
	return tx.Delete(Bucket, key(report, kind))
}

// EndAll deletes all jobs of a report.
func EndAll(tx store.Tx, report string) error {
	for kind := aggregationv1.ReportJob_KIND_JUDGE; kind <= aggregationv1.ReportJob_KIND_ALIGN; kind++ {
		if err := End(tx, report, kind); err != nil {
			return err
		}
	}
	return nil
}
