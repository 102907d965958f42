package desk

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// jobKey names a job; those of a report stand in the order in which they are
// done.
func jobKey(report string, kind aggregationv1.ReportJob_Kind) []byte {
	return fmt.Appendf(nil, "%s\x00%d", report, kind)
}

func putJob(tx store.Tx, report string, job *aggregationv1.ReportJob) error {
	b, err := proto.Marshal(job)
	if err != nil {
		return err
	}
	return tx.Put(jobsBucket, jobKey(report, job.GetKind()), b)
}

func readJob(tx store.Tx, report string, kind aggregationv1.ReportJob_Kind) (*aggregationv1.ReportJob, error) {
	b, err := tx.Get(jobsBucket, jobKey(report, kind))
	if err != nil {
		return nil, err
	}
	job := &aggregationv1.ReportJob{}
	return job, proto.Unmarshal(b, job)
}

// jobs lists some reports on which there is work.
func (d *Desk) jobs(ctx context.Context) (list []string, err error) {
	err = d.book.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		for e, err := range tx.Scan(jobsBucket, nil, nil) {
			if err != nil {
				return err
			}
			report := string(e.Key[:len(e.Key)-2])
			if n := len(list); n == 0 || list[n-1] != report {
				list = append(list, report)
			}
			if len(list) == 100 {
				return nil
			}
		}
		return nil
	})
	return list, err
}

func firstJob(tx store.Tx, report string) (*aggregationv1.ReportJob, error) {
	for kind := aggregationv1.ReportJob_KIND_JUDGE; kind <= aggregationv1.ReportJob_KIND_AGAIN; kind++ {
		job, err := readJob(tx, report, kind)
		if !errors.Is(err, store.ErrNotFound) {
			return job, err
		}
	}
	return nil, nil
}

// judgeAgain lets the quarantined rows of a report be judged once more, from the
// first page on, wherever an earlier time of it is.
func judgeAgain(tx store.Tx, report string) error {
	job, err := readJob(tx, report, aggregationv1.ReportJob_KIND_AGAIN)
	if errors.Is(err, store.ErrNotFound) {
		job, err = &aggregationv1.ReportJob{Kind: aggregationv1.ReportJob_KIND_AGAIN}, nil
	}
	if err != nil {
		return err
	}
	job.Done = 0
	return putJob(tx, report, job)
}
