package federation

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// Revoke returns the installation whose keys are never believed again, since at.
func Revoke(in *federationv1.Installation, reason string, at time.Time) (*federationv1.Installation, error) {
	out, err := Moved(in, Revoking, reason)
	if err != nil {
		return nil, err
	}
	revoke(out, at)
	return out, nil
}

func revoke(in *federationv1.Installation, at time.Time) {
	for _, log := range in.GetLogs() {
		if log.GetRevokeTime() == nil {
			log.RevokeTime = timestamppb.New(at)
		}
	}
}

// Reenrol returns a revoked installation that is believed again by other keys, each of a log
// in an era after those that were enrolled. It is the same one: whose units are whose, and
// what was counted of it, stays; what carries it on is judged as of any new era. That the keys were never
// revoked is for Taken to say.
func Reenrol(in *federationv1.Installation, logs []*federationv1.EnrolledLog, reason string, at time.Time) (*federationv1.Installation, error) {
	out, err := lifecycle.Move(Life, in, Reenrolling, ErrIllegalMove)
	if err != nil {
		return nil, err
	}
	revoke(out, at) // also what was revoked before that was noted of each key
	was := proto.CloneOf(out)
	out.Reason, out.Logs = reason, append(out.Logs, written(logs)...)
	switch name, err := named(out.GetLogs(), len(was.GetLogs()), "logs"); {
	case err != nil:
		return nil, err
	case name != in.GetName():
		return nil, ErrOriginInvalid.At("logs", "不是本机构系统的日志", "are those of another installation")
	case Voice(out) == "":
		return nil, ErrLogMissing.At("logs", "缺少上下级机构服务的日志", "lack that of "+Service)
	}
	for i, log := range logs {
		if kept(was, log.GetOrigin()) && !Newer(was, log.GetOrigin()) {
			return nil, ErrOriginInvalid.At(fmt.Sprintf("logs[%d].origin", i), "须为此前各纪元之后的新纪元", "must be of an era after those before")
		}
	}
	return out, nil
}

// kept says whether a log of that service was enrolled.
func kept(in *federationv1.Installation, origin string) bool {
	now, _ := ParseOrigin(origin)
	return slices.ContainsFunc(in.GetLogs(), func(log *federationv1.EnrolledLog) bool {
		o, _ := ParseOrigin(log.GetOrigin())
		return o.Service == now.Service
	})
}

// written are logs as a request has them: nobody says by one that a key is revoked.
func written(logs []*federationv1.EnrolledLog) (all []*federationv1.EnrolledLog) {
	for _, log := range logs {
		all = append(all, &federationv1.EnrolledLog{Origin: log.GetOrigin(), VerifierKey: log.GetVerifierKey()})
	}
	return all
}

// Revoked says that an installation is, or its log of that origin.
func Revoked(in *federationv1.Installation, origin string) bool {
	return in.GetState() == federationv1.Installation_STATE_REVOKED || slices.ContainsFunc(in.GetLogs(), func(log *federationv1.EnrolledLog) bool {
		return log.GetOrigin() == origin && log.GetRevokeTime() != nil
	})
}

// Sharing are those of all installations that were enrolled with a key that was revoked of
// another, while that was not refused: without it, since at.
func Sharing(all iter.Seq2[*federationv1.Installation, error], revoked *federationv1.Installation, at time.Time) (without []*federationv1.Installation, err error) {
	for other, err := range all {
		if err != nil {
			return nil, err
		}
		if other.GetName() == revoked.GetName() || !errors.Is(Taken(revoked, other), ErrKeyRevoked) {
			continue
		}
		out := proto.CloneOf(other)
		for _, log := range out.GetLogs() {
			if Taken(revoked, &federationv1.Installation{Logs: []*federationv1.EnrolledLog{log}}) != nil {
				log.RevokeTime = timestamppb.New(at)
			}
		}
		without = append(without, out)
	}
	return without, nil
}

// Unclaimed says that no key of an installation was ever revoked of one of all, or is another's.
func Unclaimed(all iter.Seq2[*federationv1.Installation, error], in *federationv1.Installation) error {
	for other, err := range all {
		if err := cmp.Or(err, Taken(other, in)); err != nil {
			return err
		}
	}
	return nil
}

// Taken says that of the logs of an installation none has a key that was revoked of other,
// which may be the same one, else it is ErrKeyRevoked; nor one of another installation: one key
// would speak for two, and ErrKeyTaken says so. Under whatever name it comes.
func Taken(other, in *federationv1.Installation) error {
	gone, has := map[string]bool{}, map[string]bool{}
	for _, log := range other.GetLogs() {
		gone[public(log)] = gone[public(log)] || log.GetRevokeTime() != nil || other.GetState() == federationv1.Installation_STATE_REVOKED
		has[public(log)] = other.GetName() != in.GetName()
	}
	for _, log := range in.GetLogs() {
		switch key := public(log); {
		case log.GetRevokeTime() != nil:
		case gone[key]:
			return ErrKeyRevoked
		case has[key]:
			return ErrKeyTaken
		}
	}
	return nil
}

// public is the key of a log without the name of the log: name+hash+base64 in note format.
func public(log *federationv1.EnrolledLog) string {
	parts := strings.SplitN(log.GetVerifierKey(), "+", 3)
	key, _ := base64.StdEncoding.DecodeString(parts[len(parts)-1]) // as package note reads it
	return string(key)
}
