package store

import (
	"errors"
	"fmt"
)

// simulatedKey stands beside the version: whether all that is in the store was written by a
// simulation's clock.
var simulatedKey = []byte("simulated")

// ErrOtherTime says that a store was written by the other kind of clock.
var ErrOtherTime = errors.New("store: it was written by another clock: what was kept in real time is in no simulation, and what a simulation kept is not real")

// Simulated says whether a store is written by a simulation's clock; noted is false of
// one that has no version either. What says neither, or only its version, is an ErrOtherTime.
func Simulated(tx Tx) (simulated, noted bool, err error) {
	is, noted, err := Seek(tx, VersionBucket, simulatedKey)
	if err != nil {
		return false, false, err
	}
	if noted && string(is) != string(kind(false)) && string(is) != string(kind(true)) {
		err = fmt.Errorf("%w: it says %x", ErrOtherTime, is)
	}
	if !noted {
		var versioned bool
		if _, versioned, err = Seek(tx, VersionBucket, versionKey); err == nil && versioned {
			err = fmt.Errorf("%w, or nobody knows by which: it does not say", ErrOtherTime)
		}
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

// NoteTime notes in a store that is made by which kind of clock it is written, once and
// for all: Migrate has it in the transaction in which the version is written.
func NoteTime(simulated bool) func(Tx) error {
	return func(tx Tx) error { return tx.Put(VersionBucket, simulatedKey, kind(simulated)) }
}

// Says says whether a row of VersionBucket has a key of its: of what stands there
// VersionOf and Simulated judge.
func Says(key []byte) bool {
	return string(key) == string(versionKey) || string(key) == string(simulatedKey)
}

// CheckTime answers ErrOtherTime of a store that is not written by that kind of clock.
func CheckTime(tx Tx, simulated bool) error {
	was, noted, err := Simulated(tx)
	if err == nil && noted && was != simulated {
		err = ErrOtherTime
	}
	return err
}
