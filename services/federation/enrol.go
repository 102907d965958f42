package federation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"filippo.io/edwards25519"
	"golang.org/x/mod/sumdb/note"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// Service is the service whose log is an installation's voice: with its key it
// shows who it is.
const Service = "federation"

// longestName is how long the name of an installation may be, so that those of its
// logs stay within a record's key.
const longestName = 180

var (
	installationShape = regexp.MustCompile(`^(` + place + `(?:/` + place + `)?)/([a-z0-9][a-z0-9-]{0,62})$`)
	serviceShape      = regexp.MustCompile(`^[a-z]{1,32}$`)
)

const place = `[a-z0-9][a-z0-9-]{0,62}(?:\.[a-z0-9][a-z0-9-]{0,62})*`

// SplitName parts the name of an installation among all, province/installation or
// province/place/installation, and says whether it is one. It is the start of the
// names of its logs.
func SplitName(s string) (place, installation string, ok bool) {
	m := installationShape.FindStringSubmatch(s)
	if m == nil || len(s) > longestName {
		return "", "", false
	}
	return m[1], m[2], true
}

// Origin is the name of a log, parted.
type Origin struct {
	Place        string // province, and what stands between it and the installation
	Installation string // 510104
	Service      string // rectification
	Era          uint64 // from 1
	Unit         string // of an installation further down: the id of the unit that is its root, 510104
}

// ParseOrigin parts the name of a log.
func ParseOrigin(s string) (o Origin, ok bool) {
	log, era, numbered := feed.SplitOrigin(s)
	name, service := cutLast(log)
	place, installation, named := SplitName(name)
	o = Origin{Place: place, Installation: installation, Service: service, Era: era}
	return o, named && numbered && serviceShape.MatchString(service)
}

// cutLast cuts the last part off a name.
func cutLast(s string) (before, last string) {
	i := strings.LastIndexByte(s, '/')
	return s[:max(i, 0)], s[i+1:]
}

// Mirror is the name of the log's mirror.
func (o Origin) Mirror() string { return o.Of() + "/mirrors/" + o.Service }

// Feed is under which name, after feeds/, the feed API reads the log's mirror. Of
// several eras it is the newest.
func (o Origin) Feed() string { return strings.TrimPrefix(o.Of(), "installations/") + "." + o.Service }

// Past is the name by which the feed API reads the mirror in the origin's era, also when a
// later one is there.
func (o Origin) Past() string { return fmt.Sprintf("%s.%d", o.Feed(), o.Era) }

// Enrol returns the installation that is to be enrolled: its name comes from the
// origins of its logs, among which that of the service federation must be.
func Enrol(in *federationv1.Installation) (*federationv1.Installation, error) {
	name, err := named(in.GetLogs(), 0, "installation.logs")
	if err != nil {
		return nil, err
	}
	return &federationv1.Installation{
		Name: name, DisplayName: in.GetDisplayName(), Unit: in.GetUnit(), Logs: written(in.GetLogs()),
		State: federationv1.Installation_STATE_ACTIVE,
	}, nil
}

// Extend returns the installation with further logs.
func Extend(in *federationv1.Installation, logs []*federationv1.EnrolledLog) (*federationv1.Installation, error) {
	out, err := lifecycle.Move(Life, in, Extending, ErrIllegalMove)
	if err != nil {
		return nil, err
	}
	out.Logs = append(out.Logs, written(logs)...)
	name, err := named(out.GetLogs(), len(in.GetLogs()), "logs")
	if err == nil && name != in.GetName() {
		err = ErrOriginInvalid.At("logs", "不是本机构系统的日志", "are those of another installation")
	}
	return out, err
}

// named checks the logs of one installation, of which the first are enrolled and the request
// has the rest at its field, and returns its name.
func named(logs []*federationv1.EnrolledLog, known int, at string) (name string, err error) {
	seen, place, voice := map[string]bool{}, "", false
	for i, log := range logs {
		field := fmt.Sprintf("%s[%d]", at, i-known)
		o, ok := ParseOrigin(log.GetOrigin())
		here := o.Place + "/" + o.Installation
		is := func(enrolled *federationv1.EnrolledLog) bool { return enrolled.GetOrigin() == log.GetOrigin() }
		switch {
		case !ok || place != "" && here != place:
			return "", ErrOriginInvalid.At(field+".origin", "格式有误，或属于另一机构系统", "is malformed, or of another installation")
		case i >= known && slices.ContainsFunc(logs[:known], is):
			return "", ErrLogRepeated.At(field+".origin", "已登记；如密钥有误，须由该机构另开新纪元", "is enrolled already: if its key is wrong, let its installation open another era")
		case seen[log.GetOrigin()]:
			return "", ErrLogRepeated.At(field+".origin", "重复", "comes twice")
		}
		if i >= known && !verifies(log) {
			return "", ErrKeyInvalid.At(field+".verifier_key", "不是该日志的公钥", "is not the key of this log")
		}
		seen[log.GetOrigin()], place, voice = true, here, voice || o.Service == Service
		name = "installations/" + o.Installation
	}
	if !voice {
		return "", ErrLogMissing.At("installation.logs", "缺少上下级机构服务的日志", "lack that of "+Service)
	}
	return name, nil
}

// verifies says whether the key of a log is one, named by its origin, for which nobody can sign
// who does not have the other half: of small order it verifies what no one has signed.
func verifies(log *federationv1.EnrolledLog) bool {
	v, err := note.NewVerifier(log.GetVerifierKey())
	if err != nil || v.Name() != log.GetOrigin() {
		return false
	}
	key := public(log)
	p, err := new(edwards25519.Point).SetBytes([]byte(key[min(1, len(key)):])) // behind the algorithm
	return err == nil && p.MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 0
}

// Moved returns the installation after a move, which its state must allow.
func Moved(in *federationv1.Installation, m move, reason string) (*federationv1.Installation, error) {
	out, err := lifecycle.Move(Life, in, m, ErrIllegalMove)
	if err != nil {
		return nil, err
	}
	out.Reason = reason
	return out, nil
}

// KeyOf returns the key of an installation's log, or "" if it is not enrolled, revoked, or
// a newer era of it is enrolled.
func KeyOf(in *federationv1.Installation, origin string) (key string) {
	asked, _ := ParseOrigin(origin)
	for _, log := range in.GetLogs() {
		switch o, _ := ParseOrigin(log.GetOrigin()); {
		case log.GetOrigin() == origin && log.GetRevokeTime() == nil:
			key = log.GetVerifierKey()
		case o.Service == asked.Service && o.Era > asked.Era:
			return ""
		}
	}
	return key
}

// Voice returns the key of the log by which an installation shows who it is, that
// of the newest era.
func Voice(in *federationv1.Installation) (key string) {
	for _, log := range in.GetLogs() {
		if o, _ := ParseOrigin(log.GetOrigin()); o.Service == Service && KeyOf(in, log.GetOrigin()) != "" {
			key = log.GetVerifierKey()
		}
	}
	return key
}

// Newer says whether origin is that of an installation's log in an era after all that
// are enrolled of it, of which there MUST be one.
func Newer(in *federationv1.Installation, origin string) bool {
	now, ok := ParseOrigin(origin)
	newest := uint64(0)
	for _, log := range in.GetLogs() {
		if o, _ := ParseOrigin(log.GetOrigin()); o.Place == now.Place && o.Installation == now.Installation && o.Service == now.Service {
			newest = max(newest, o.Era)
		}
	}
	return ok && newest > 0 && now.Era > newest
}

// Ahead is the origin of an installation's voice in an era that nobody has enrolled, if it is
// among the heads that it shows; else "".
func Ahead(in *federationv1.Installation, heads []*federationv1.Head) string {
	for _, head := range heads {
		if o, _ := ParseOrigin(head.GetOrigin()); o.Service == Service && Newer(in, head.GetOrigin()) {
			return head.GetOrigin()
		}
	}
	return ""
}

// Earlier are the logs of an installation that are of the same service as origin, in an
// era before.
func Earlier(in *federationv1.Installation, origin string) (logs []*federationv1.EnrolledLog) {
	now, _ := ParseOrigin(origin)
	for _, log := range in.GetLogs() {
		if o, _ := ParseOrigin(log.GetOrigin()); o.Service == now.Service && o.Era < now.Era {
			logs = append(logs, log)
		}
	}
	return logs
}
