package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// VersionBucket has nothing but a store's version, and by which clock it is written.
const VersionBucket = "store"

var versionKey = []byte("version")

// ErrVersion says that a store is of a version that this program does not work
// on. Nothing was changed.
var ErrVersion = errors.New("store: of another version")

// ErrNoVersion says that something was written in a store that does not say of which
// version it is, or says what no program writes: every store does from its first commit on,
// so that it was damaged or changed by others.
var ErrNoVersion = errors.New("store: it does not say of which version it is")

// Migration brings a store from one version to the next.
type Migration struct {
	Name string // what it does, for errors
	// Do runs in the transaction in which the version is written too, on a store
	// that nobody else uses yet. It MUST NOT append to the feed.
	Do func(Tx) error
}

// Version is that of the stores which the schema describes.
func (s Schema) Version() uint64 { return s.first() + uint64(len(s.Migrations)) }

func (s Schema) first() uint64 { return max(s.First, 1) }

// Migrate brings the store to the schema's version, in one transaction; a new
// one is of that version from the beginning, and has what made writes in it. A newer one,
// and one from before Schema.First, are refused with ErrVersion, one without with
// ErrNoVersion.
func Migrate(ctx context.Context, e Engine, s Schema, made ...func(Tx) error) error {
	is, err := VersionOf(ctx, e)
	if err != nil || is == s.Version() {
		return err
	}
	if err := s.takes(is); err != nil {
		return err
	}
	return e.Update(ctx, func(tx Tx) error {
		if is == 0 {
			for _, write := range made {
				if err := write(tx); err != nil {
					return err
				}
			}
		}
		return s.migrate(tx, is)
	})
}

// takes refuses a version that cannot be brought to the schema's; 0 is that of a
// new store.
func (s Schema) takes(is uint64) error {
	switch {
	case is > s.Version():
		return fmt.Errorf("%w: its version is %d, and this program knows up to %d: run a newer one, or restore a backup from before", ErrVersion, is, s.Version())
	case is != 0 && is < s.first():
		return fmt.Errorf("%w: its version is %d, and this program takes over from %d on: start a release between the two first; if the change log names none, go on with the program of that version", ErrVersion, is, s.first())
	}
	return nil
}

func (s Schema) migrate(tx Tx, is uint64) error {
	if is != 0 {
		for _, m := range s.Migrations[is-s.first():] {
			if err := m.Do(tx); err != nil {
				return fmt.Errorf("bringing the store to another version: %s: %w", m.Name, err)
			}
		}
	}
	return tx.Put(VersionBucket, versionKey, said(s.Version()))
}

// most is far above every version that there will be.
const most = 1 << 16

// said is how a store says its version: the number, and every bit of it the other way
// round, so that no wrong bit makes another version of it.
func said(version uint64) []byte { return append(Number(version), Number(^version)...) }

// saying returns the version that a row says; stores of builds from before say it once. It
// is an ErrNoVersion if that is none.
func saying(row []byte) (is uint64, err error) {
	if len(row) >= 8 {
		is = binary.BigEndian.Uint64(row)
	}
	if is == 0 || is > most || len(row) != 8 && !bytes.Equal(row, said(is)) {
		return 0, fmt.Errorf("%w: it says %x, which no program writes", ErrNoVersion, row)
	}
	return is, nil
}

// CheckVersion refuses with ErrVersion a store that is not of the schema's
// version, for those who only read. One that says none they may look into.
func CheckVersion(ctx context.Context, e Engine, s Schema) error {
	is, err := VersionOf(ctx, e)
	if errors.Is(err, ErrNoVersion) {
		return nil
	}
	if err != nil || is == s.Version() || is == 0 {
		return err
	}
	if err := s.takes(is); err != nil {
		return err
	}
	return fmt.Errorf("%w: its version is %d, and this program works on %d: start it on the data once, or use the program of that version", ErrVersion, is, s.Version())
}

// VersionOf returns the version of a store: 0 of one in which nothing was ever
// written. It answers ErrNoVersion if something was, and no version.
func VersionOf(ctx context.Context, e Engine) (is uint64, err error) {
	err = e.View(ctx, func(tx Tx) error {
		row, there, err := Seek(tx, VersionBucket, versionKey)
		if err != nil {
			return err
		}
		if there {
			is, err = saying(row)
			return err
		}
		buckets, err := tx.Buckets()
		if err == nil && len(buckets) > 0 {
			err = ErrNoVersion
		}
		return err
	})
	return is, err
}
