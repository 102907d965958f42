package federation

import (
	"encoding/base64"
	"fmt"
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
	field := func(i int) string { return fmt.Sprintf("logs[%d]", i-len(was.GetLogs())) }
	switch name, err := named(out.GetLogs(), field); {
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

// Taken says that none of the logs has a key that was revoked of an installation, this one or
// another: under whatever name it comes back. Else it is ErrKeyRevoked.
func Taken(in *federationv1.Installation, logs []*federationv1.EnrolledLog) error {
	gone := map[string]bool{}
	for _, log := range in.GetLogs() {
		if log.GetRevokeTime() != nil || in.GetState() == federationv1.Installation_STATE_REVOKED {
			gone[public(log)] = true
		}
	}
	for _, log := range logs {
		if log.GetRevokeTime() == nil && gone[public(log)] {
			return ErrKeyRevoked
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
