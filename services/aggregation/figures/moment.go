package figures

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/duban-project/duban/services/internal/calendar"
)

// moment is an instant in nanoseconds since 1970, by which it is ordered.
type moment int64

const (
	ever  moment = 0 // before all
	never moment = math.MaxInt64
)

func momentOf(t time.Time) moment { return moment(t.UnixNano()) }

// day is the civil day of a moment.
func (m moment) day() string { return calendar.On(time.Unix(0, int64(m))).String() }

// dawn is the first moment of its day.
func (m moment) dawn() moment {
	return momentOf(calendar.On(time.Unix(0, int64(m))).Start())
}

// dusk is the last moment of a day.
func dusk(day string) (moment, error) {
	d, err := calendar.ParseDate(day)
	return momentOf(d.End()) - 1, err
}

// key orders moments as keys.
func (m moment) key() string { return string(binary.BigEndian.AppendUint64(nil, uint64(m))) }

func readMoment(b []byte) moment { return moment(binary.BigEndian.Uint64(b)) }
