package federation

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
)

// An installation further down has its id from whoever enrolled it, and two may have chosen the same.
// Its unit nobody else has: so it is known by both, installations/510104~510104, whoever relays it.

// beside parts the id of an installation, or the origin of its log, from the id of its unit.
const beside = "~"

var (
	idShape  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	unitName = "units/"
)

// Upward is a feed that goes upward, with the unit of the installation that it is relayed
// for; one's own has none.
type Upward struct{ Feed, Unit string }

// OwnLogs are one's own feeds on their way upward.
func OwnLogs(feeds ...string) []Upward {
	all := make([]Upward, len(feeds))
	for i, feed := range feeds {
		all[i].Feed = feed
	}
	return all
}

// Relayed is the name by which a log is pushed: its origin, and the unit of its installation
// if that is not the one that pushes.
func Relayed(origin, unit string) string {
	if unit == "" {
		return origin
	}
	return origin + beside + strings.TrimPrefix(unit, unitName)
}

// OriginOf is the origin of the log that is pushed by that name.
func OriginOf(log string) string {
	origin, _, _ := strings.Cut(log, beside)
	return origin
}

// ParseLog parts the name by which a log is pushed.
func ParseLog(log string) (o Origin, ok bool) {
	origin, unit, relayed := strings.Cut(log, beside)
	if o, ok = ParseOrigin(origin); relayed {
		o.Unit, ok = unit, ok && idShape.MatchString(unit)
	}
	return o, ok
}

// LogOf is the name by which the log of a mirror was pushed.
func LogOf(m *federationv1.Mirror) string {
	if name, _, _ := strings.Cut(m.GetFeed(), "."); !strings.Contains(name, beside) {
		return m.GetOrigin()
	}
	return Relayed(m.GetOrigin(), m.GetUnit())
}

// Of is the installation whose log it is, by its name here.
func (o Origin) Of() string { return Relayed("installations/"+o.Installation, o.Unit) }

// Further is the name here of an installation that another has enrolled, and whether it can
// have one.
func Further(in *federationv1.Installation) (name string, ok bool) {
	id, named := strings.CutPrefix(in.GetName(), "installations/")
	unit, bound := strings.CutPrefix(in.GetUnit(), unitName)
	return Relayed(in.GetName(), in.GetUnit()), named && bound && idShape.MatchString(id) && idShape.MatchString(unit)
}

// CarriesOn says whether an installation as another has enrolled it now is the one that was there:
// every log of that with its key, and else only later eras of them, and logs of other services.
func CarriesOn(now, was *federationv1.Installation) bool {
	for _, log := range was.GetLogs() {
		if !slices.ContainsFunc(now.GetLogs(), func(l *federationv1.EnrolledLog) bool {
			return l.GetOrigin() == log.GetOrigin() && l.GetVerifierKey() == log.GetVerifierKey()
		}) {
			return false
		}
	}
	for _, log := range now.GetLogs() {
		old := slices.ContainsFunc(was.GetLogs(), func(l *federationv1.EnrolledLog) bool { return l.GetOrigin() == log.GetOrigin() })
		if !old && kept(was, log.GetOrigin()) && !Newer(was, log.GetOrigin()) {
			return false
		}
	}
	return true
}

// Relays is what who relays the log of a mirror, told how it stands, says of it at a moment.
func Relays(m *federationv1.Mirror, now time.Time) *federationv1.Relayed {
	r := &federationv1.Relayed{
		Behind: m.GetState() == federationv1.Mirror_STATE_BEHIND,
		Frozen: m.GetState() == federationv1.Mirror_STATE_FROZEN,
	}
	if m.GetHeardTime() != nil {
		r.HeardAgo = durationpb.New(max(0, now.Sub(m.GetHeardTime().AsTime())))
	}
	return r
}

// Standing is how a log stands with who relays it: when that last heard of its installation, zero
// if it does not say, and BEHIND or FROZEN.
type Standing struct {
	Heard time.Time
	State federationv1.Mirror_State
}

// StandingOf reads what was said at a moment, by the clock here; nil is nothing.
func StandingOf(r *federationv1.Relayed, at time.Time) (s Standing) {
	if ago := r.GetHeardAgo(); ago != nil && ago.CheckValid() == nil {
		s.Heard = at.Add(-max(0, ago.AsDuration()))
	}
	switch {
	case r.GetFrozen():
		s.State = federationv1.Mirror_STATE_FROZEN
	case r.GetBehind():
		s.State = federationv1.Mirror_STATE_BEHIND
	}
	return s
}

// Hear notes on a mirror that is relayed how it stands with who relays it. That of which nothing
// was ever heard is listened for from now on.
func (s Standing) Hear(m *federationv1.Mirror, now time.Time) {
	m.RelayedState = s.State
	switch {
	case s.Heard.After(m.GetHeardTime().AsTime()):
		m.HeardTime = timestamppb.New(s.Heard)
	case m.GetHeardTime() == nil:
		m.HeardTime = timestamppb.New(now)
	}
}
