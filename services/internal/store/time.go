package store

import (
	"context"
	"errors"
	"fmt"
)

// simulatedKey stands beside the version: whether all that is in the store was written by a
// simulation's clock.
var simulatedKey = []byte("simulated")

// ErrOtherTime says that a store was written by the other kind of clock.
var ErrOtherTime = errors.New("store: it was written by another clock: what was kept in real time is in no simulation, and what a simulation kept is not real")

// Simulated says whether a store is written by a simulation's clock; noted is false of
// one that does not say yet. What says neither is an ErrOtherTime.
func Simulated(tx Tx) (simulated, noted bool, err error) {
	is, noted, err := Seek(tx, VersionBucket, simulatedKey)
	if err == nil && noted && string(is) != string(kind(false)) && string(is) != string(kind(true)) {
		err = fmt.Errorf("%w: it says %x", ErrOtherTime, is)
	}
	return string(is) == string(kind(true)), noted, err
}

// kind is how a store says it.
func kind(simulated bool) []byte {
	if simulated {
		return []byte{1}
	}
	return []byte{0}
}

// KeepTime notes in a store by which kind of clock it is written, once and for all. It
// answers ErrOtherTime if that was the other.
func KeepTime(ctx context.Context, e Engine, simulated bool) error {
	noted := false
	err := e.View(ctx, func(tx Tx) (err error) {
		was := false
		if was, noted, err = Simulated(tx); err == nil && noted && was != simulated {
			err = ErrOtherTime
		}
		return err
	})
	if err != nil || noted {
		return err
	}
	return e.Update(ctx, func(tx Tx) error { return tx.Put(VersionBucket, simulatedKey, kind(simulated)) })
}
