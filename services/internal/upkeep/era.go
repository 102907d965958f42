package upkeep

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/internal/clock"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/intact"
	"github.com/duban-project/duban/services/internal/marks"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suite"
)

// EraOpened is the kind of the entry that begins an era.
const EraOpened = "feed.era.opened.v1"

// Declaration is what is said of logs that go on without what they had beyond a backup
// (开启新纪元).
type Declaration struct {
	// Reason is why, without a name of a person.
	Reason string
	// Approvers are the two members who approved it, units/{unit}/members/{member}.
	Approvers []string
	// Now is real time. It numbers the era, in seconds since 1970: so the same backup that
	// is put back a second time opens another one.
	Now func() time.Time
}

const maxReason = 1000 // characters

var memberShape = regexp.MustCompile(`^units/[a-z0-9][a-z0-9-]{0,62}/members/[a-z0-9][a-z0-9-]{0,62}$`)

func (d Declaration) check() error {
	n := len([]rune(strings.TrimSpace(d.Reason)))
	switch {
	case n == 0 || n > maxReason:
		return fmt.Errorf("%w: a new era needs a reason of at most %d characters", config.ErrWrong, maxReason)
	case len(d.Approvers) != 2 || d.Approvers[0] == d.Approvers[1]:
		return fmt.Errorf("%w: a new era needs two approvers", config.ErrWrong)
	}
	for _, a := range d.Approvers {
		if !memberShape.MatchString(a) {
			return fmt.Errorf("%w: the approver %q is not units/UNIT/members/MEMBER", config.ErrWrong, a)
		}
	}
	return nil
}

// OpenEra lets every log in the data folder that c names go on in a new era, in which its
// first entry says of what it goes on and why. Nothing may run on the data. If c names no
// installation, the data do. It answers what each log has signed then. What was cut off is
// begun anew: the logs stay held until all have their era.
func OpenEra(ctx context.Context, c suite.Config, keys Keys, d Declaration) (opened []*feedv1.Checkpoint, err error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	roles, err := kept(c)
	if err != nil {
		return nil, err
	}
	if c, err = named(ctx, c, roles); err != nil {
		return nil, err
	}
	if c.Installation == "" { // nothing was ever written here
		return nil, fmt.Errorf("%w: %s does not say whose data it holds: name the configuration", config.ErrWrong, c.Data)
	}
	if keys, err = keys.made(c.Data); err != nil {
		return nil, err
	}
	turns, err := ready(ctx, c, roles, keys, d)
	for _, t := range turns { // what is signed and cannot be noted is signed once more by who tries again
		err = errors.Join(err, marks.Again(home(t.Config, t.role)))
	}
	if err == nil {
		err = keys.write()
	}
	if err != nil {
		return nil, err
	}
	for _, t := range turns { // none is in a new era if one may not be
		cp, err := t.open(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.role, err)
		}
		opened = append(opened, cp)
	}
	if err := keys.keep(c.Data); err != nil {
		return nil, err
	}
	for _, role := range roles {
		if err := recovery.Settle(home(c, role)); err != nil {
			return nil, err
		}
	}
	return opened, nil
}

// kept are the roles whose stores lie in the data folder.
func kept(c suite.Config) (roles []string, err error) {
	for _, role := range suite.Called() {
		switch _, err := os.Stat(filepath.Join(home(c, role), role+".db")); {
		case err == nil:
			roles = append(roles, role)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	if len(roles) == 0 {
		return nil, fmt.Errorf("%w: %s holds no stores", config.ErrWrong, c.Data)
	}
	return roles, nil
}

// ready are the logs of which none may not go on in the era.
func ready(ctx context.Context, c suite.Config, roles []string, keys Keys, d Declaration) (turns []turning, err error) {
	read, err := readings(ctx, c, roles)
	if err != nil {
		return nil, err
	}
	era := uint64(d.Now().Unix())
	for _, role := range roles {
		was, now, err := keys.of(c.Data, role)
		if err != nil {
			return nil, err
		}
		t := turning{c, d, era, role, was, now, read[role]}
		err = t.ready(ctx)
		if errors.Is(err, feed.ErrUnsound) && keys.Renewed != "" { // cut off when this log had been renewed
			t.secrets = now
			err = t.ready(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", role, err)
		}
		turns = append(turns, t)
	}
	return turns, nil
}

// turning is a role's log on its way into an era.
type turning struct {
	suite.Config
	Declaration
	era     uint64
	role    string
	secrets seed.Role // of the era that ends
	renewed seed.Role
	read    []intact.Reading
}

// ready says why the log may not go on in the era, before any is in it.
func (t turning) ready(ctx context.Context) (err error) {
	engine, err := versioned(ctx, t.Config, t.role, bolt.Inspect)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	before, err := feed.EraOf(ctx, engine)
	if err != nil {
		return err
	}
	if t.era == before {
		return errors.New("it went into an era within this second: wait for the next")
	}
	if t.era < before {
		return fmt.Errorf("the clock of this machine says %d, and the log is in the era %d: set it right", t.era, before)
	}
	old, err := t.log(before, t.secrets)
	if err != nil {
		return err
	}
	return engine.View(ctx, func(tx store.Tx) error { return t.whole(tx, old) })
}

// open writes the era's first entry, and notes how long the log is.
func (t turning) open(ctx context.Context) (cp *feedv1.Checkpoint, err error) {
	var next *feed.Log
	folder := home(t.Config, t.role)
	engine, err := bolt.Open(filepath.Join(folder, t.role+".db"), bolt.Options{
		BeforeCommit: func(tx store.Tx) error { return next.Seal(tx) }, // nothing is committed before there is one
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	before, err := feed.EraOf(ctx, engine)
	if err != nil {
		return nil, err
	}
	old, err := t.log(before, t.secrets)
	if err != nil {
		return nil, err
	}
	if next, err = t.log(t.era, t.renewed); err != nil {
		return nil, err
	}
	if err := engine.Update(ctx, func(tx store.Tx) error { return t.turn(tx, old, next) }); err != nil {
		return nil, err
	}
	err = engine.View(ctx, func(tx store.Tx) error {
		cp, err = next.Checkpoint(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return cp, t.note(folder, cp)
}

func (t turning) log(era uint64, secrets seed.Role) (*feed.Log, error) {
	return feed.New(feed.Config{
		Name: t.role, Origin: t.Origin(t.role, era), Key: secrets.Signing(), Now: t.Now, Random: rand.Reader,
	})
}

// whole refuses a log that is not what its last era has signed, of another clock than its folder, that is about to take over
// what it had lost, or that lacks what the stores beside it have read: they would count and
// tell for ever what no log has.
func (t turning) whole(tx store.Tx, old *feed.Log) error {
	if err := errors.Join(old.Sound(tx), timely(tx, home(t.Config, t.role))); err != nil {
		return err
	}
	if _, pending, err := store.Seek(tx, feed.MetaBucket, []byte(feed.LostKey)); err != nil || pending {
		return errors.Join(err, errors.New("all that it had lost is here: start it, and it takes it over"))
	}
	size, err := old.Size(tx)
	if err != nil {
		return err
	}
	for _, r := range t.read {
		if what, err := r.Lacks(tx, size); err != nil || what != "" {
			return errors.Join(err, fmt.Errorf("%s: restore all stores from one backup", what))
		}
	}
	return nil
}

// turn makes the entry and its record, and lets a log go on whose store was made anew.
func (t turning) turn(tx store.Tx, old, next *feed.Log) error {
	cp, err := old.Checkpoint(tx)
	if err != nil {
		return err
	}
	now, err := clock.Open(home(t.Config, t.role), time.Time{}, t.Now)
	if err != nil {
		return err
	}
	e := &feedv1.Era{
		Name: fmt.Sprintf("feeds/%s/eras/%d", t.role, t.era), Origin: next.Origin(), PreviousOrigin: old.Origin(),
		Reason: strings.TrimSpace(t.Reason), Approvers: t.Approvers, CreateTime: timestamppb.New(now.Now()),
	}
	if cp.GetSize() > 0 {
		e.PreviousNote = cp.GetNote()
	}
	if cp.GetSize() > 0 && !t.secrets.Signing().Equal(t.renewed.Signing()) {
		e.PreviousVerifierKey = old.VerifierKey()
	}
	rev, err := next.Next(tx, e.GetName())
	if err != nil {
		return err
	}
	change := feed.Change{Kind: EraOpened, Subject: e.GetName(), Rev: rev, Effective: now.Now(), Body: e}
	if _, err := next.Append(tx, change); err != nil {
		return err
	}
	eras := store.Table[*feedv1.Era]{Bucket: string(proto.MessageName(e)), Key: (*feedv1.Era).GetName}
	return errors.Join(eras.Insert(tx, e), tx.Delete(feed.MetaBucket, []byte(feed.AnewKey)))
}

// note lets the process know from its start how long the log is, and identity in which
// era.
func (t turning) note(folder string, cp *feedv1.Checkpoint) error {
	m, err := marks.Open(folder)
	if err != nil {
		return err
	}
	m.Reached(cp.GetOrigin(), cp.GetSize())
	return m.Close()
}
