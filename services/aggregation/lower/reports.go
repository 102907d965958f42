package lower

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// KeepReport remembers of a report from below what its pages are read by, and what became
// of it when. If it is of one of the installation's units, theirs, Sent has it.
func KeepReport(tx store.Tx, name string, r *aggregationv1.Report, theirs bool) error {
	before, err := ReadReport(tx, name)
	if err == nil {
		err = tx.Delete(dutiesBucket, append(duty(before.GetUnit(), before.GetForm(), before.GetPeriod()), name...))
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	b, err := proto.Marshal(&aggregationv1.Report{
		Form: r.GetForm(), Unit: r.GetUnit(), Source: r.GetSource(), Period: r.GetPeriod(), Sequence: r.GetSequence(), State: r.GetState(),
		Late: r.GetLate(), CreateTime: r.GetCreateTime(), ReturnTime: r.GetReturnTime(), SupersededBy: r.GetSupersededBy(),
	})
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	if theirs {
		if err := tx.Put(dutiesBucket, append(duty(r.GetUnit(), r.GetForm(), r.GetPeriod()), name...), nil); err != nil {
			return err
		}
	}
	return tx.Put(headsBucket, []byte(name), b)
}

// ReadReport returns what KeepReport remembers, or store.ErrNotFound.
func ReadReport(tx store.Tx, name string) (*aggregationv1.Report, error) {
	b, err := tx.Get(headsBucket, []byte(name))
	if err != nil {
		return nil, err
	}
	r := &aggregationv1.Report{}
	return r, proto.Unmarshal(b, r)
}

// Sent are the reports by a form that came from a unit for a period in installations below,
// under their names among those of all installations.
func Sent(tx store.Tx, unit, form, period string) (sent []*aggregationv1.Report, err error) {
	from := duty(unit, form, period)
	for kv, err := range tx.Scan(dutiesBucket, from, nil) {
		if err != nil {
			return nil, err
		}
		name, of := bytes.CutPrefix(kv.Key, from)
		if !of {
			break
		}
		r, err := ReadReport(tx, string(name))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		if by := r.GetSupersededBy(); by != "" {
			r.SupersededBy = string(name[:bytes.LastIndex(name, []byte("reports/"))]) + by
		}
		r.Name = string(name)
		sent = append(sent, r)
	}
	return sent, nil
}

// duty is what the keys begin with of all that came for what a unit owes.
func duty(unit, form, period string) []byte { return []byte(unit + zero + form + zero + period + zero) }
