package server

import (
	"errors"
	"slices"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/witness"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// enrolment is what is known of a log before anything of it is taken.
type enrolment struct {
	of  federation.Origin
	in  installation
	via string // installations/…: enrolled here, and the one that may push it
	key string // "" if the log is not enrolled
	was bool   // it is enrolled, and so is a later era of it
}

// mirror is the row of the log's mirror before anything was taken.
func (e enrolment) mirror(origin string) *federationv1.Mirror {
	return &federationv1.Mirror{
		Name: e.of.Mirror(), Feed: "feeds/" + e.of.Feed(), Origin: origin, Unit: e.in.GetUnit(), Via: e.via,
		State: federationv1.Mirror_STATE_ACTIVE, VerifierKey: e.key,
	}
}

// enrolled looks a log up: among the installations enrolled here, or, if it is relayed,
// among those that they have enrolled, as their own mirrored logs say.
func (s *Service) enrolled(tx store.Tx, log string) (e enrolment, err error) {
	var ok bool
	if e.of, ok = federation.ParseLog(log); !ok {
		return e, nil
	}
	if e.of.Unit != "" {
		e.in, e.via, err = witness.Relayed(tx, e.of.Of())
	} else if e.in, err = s.find(tx, e.of.Of()); err == nil {
		e.via = e.of.Of()
	}
	if err != nil && !errors.Is(err, authz.ErrNotFound) {
		return e, err
	}
	origin := federation.OriginOf(log)
	e.key = federation.KeyOf(e.in, origin)
	e.was = e.key == "" && slices.ContainsFunc(e.in.GetLogs(), func(l *federationv1.EnrolledLog) bool { return l.GetOrigin() == origin })
	return e, nil
}

// believed ends the stream if the key by which its installation was believed is not any more,
// or that is not.
func (c *session) believed(tx store.Tx) error {
	in, err := c.s.find(tx, c.name)
	if err == nil && (in.GetState() != federationv1.Installation_STATE_ACTIVE || federation.Voice(in) != c.voice) {
		err = federation.ErrStreamEnded
	}
	return err
}

// enrolled looks a log up that the session may push, or refuses.
func (c *session) enrolled(tx store.Tx, origin string) (enrolment, error) {
	if err := c.believed(tx); err != nil {
		return enrolment{}, err
	}
	e, err := c.s.enrolled(tx, origin)
	if err != nil {
		return e, err
	}
	if code := e.refused(c.name); code != federationv1.Code_CODE_UNSPECIFIED {
		return e, &refusal{origin: origin, code: code, detail: "the log is not enrolled, or no longer"}
	}
	return e, nil
}

// find reads an installation that is enrolled here.
func (s *Service) find(tx store.Tx, name string) (installation, error) {
	return s.installations.Find(&change.Tx{Tx: tx}, name)
}

// refused says why nothing of the log is taken from the installation that pushes
// it, or CODE_UNSPECIFIED.
func (e enrolment) refused(by string) federationv1.Code {
	switch {
	case e.was && e.via == by:
		return federationv1.Code_CODE_REVOKED
	case e.key == "" || e.via != by:
		return federationv1.Code_CODE_UNKNOWN_LOG
	case e.in.GetState() != federationv1.Installation_STATE_ACTIVE:
		return federationv1.Code_CODE_REVOKED
	default:
		return federationv1.Code_CODE_UNSPECIFIED
	}
}
