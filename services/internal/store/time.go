package store

import (
	"context"
	"errors"
)

// simulatedKey stands beside the version: whether all that is in the store was written by a
// simulation's clock.
var simulatedKey = []byte("simulated")

// ErrOtherTime says that a store was written by the other kind of clock.
var ErrOtherTime = errors.New("store: it was written by another clock: what was kept in real time is in no simulation, and what a simulation kept is not real")

// KeepTime notes in a store by which kind of clock it is written, once and for all. It
// answers ErrOtherTime if that was the other.
func KeepTime(ctx context.Context, e Engine, simulated bool) error {
	now := []byte{0}
	if simulated {
		now[0] = 1
	}
	noted := false
	err := e.View(ctx, func(tx Tx) error {
		is, there, err := Seek(tx, VersionBucket, simulatedKey)
		if noted = there; err == nil && there && string(is) != string(now) {
			err = ErrOtherTime
		}
		return err
	})
	if err != nil || noted {
		return err
	}
	return e.Update(ctx, func(tx Tx) error { return tx.Put(VersionBucket, simulatedKey, now) })
}
