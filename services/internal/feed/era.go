package feed

import (
	"context"
	"path"
	"strconv"
	"strings"

	"github.com/duban-project/duban/services/internal/store"
)

// FirstEra is the era (纪元) of a log that was never declared to go on without what it
// had lost.
const FirstEra = 1

// OriginOfEra is the origin of the log so named, such as
// "edu.sc.gov.cn/510104/rectification", in that era.
func OriginOfEra(log string, era uint64) string { return log + "/" + strconv.FormatUint(era, 10) }

// SplitOrigin parts an origin into its log and its era, and says whether it has one: a
// number above 0 of 32 bits, as it is written.
func SplitOrigin(origin string) (log string, era uint64, ok bool) {
	i := strings.LastIndexByte(origin, '/')
	text := origin[i+1:]
	era, err := strconv.ParseUint(text, 10, 32)
	return origin[:max(i, 0)], era, i > 0 && err == nil && era > 0 && text == strconv.FormatUint(era, 10)
}

// committed is in whose name an origin's commitments are made: the log's in its first
// era, whichever it is in, so that a new era opens what was sealed before.
func committed(origin string) string {
	if log, _, ok := SplitOrigin(origin); ok {
		return OriginOfEra(log, FirstEra)
	}
	return origin
}

// EraOf reads in which era the log of a role's store is: what it has signed last says
// so. One in which nothing was ever written is in its first.
func EraOf(ctx context.Context, engine store.Engine) (era uint64, err error) {
	err = engine.View(ctx, func(tx store.Tx) error {
		origin, err := OriginOf(tx)
		if _, n, ok := SplitOrigin(origin); ok {
			era = n
			return err
		}
		era = FirstEra
		return err
	})
	return era, err
}

// InstallationOf reads from a role's store which installation it belongs to; "" if
// nothing was ever written in it.
func InstallationOf(ctx context.Context, engine store.Engine) (name string, err error) {
	err = engine.View(ctx, func(tx store.Tx) error {
		origin, err := OriginOf(tx)
		if origin != "" {
			name = path.Dir(path.Dir(origin))
		}
		return err
	})
	return name, err
}
