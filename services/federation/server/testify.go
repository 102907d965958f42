package server

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/store"
)

// What was cosigned becomes an entry of one's own log so often, for each log.
const (
	testifyEvery   = time.Minute
	testifyEntries = 1000
)

const office = feedserver.Office

// cosignatures are the records of what was cosigned, one for each log.
var cosignatures = store.Table[*federationv1.Cosignature]{
	Bucket: string((*federationv1.Cosignature)(nil).ProtoReflect().Descriptor().FullName()),
	Key:    (*federationv1.Cosignature).GetName,
}

// testify writes into this installation's own log what it has cosigned of a
// mirrored one, so that whoever holds the head of the one holds that of the
// other. It does so seldom, unless the log was frozen.
func (s *Service) testify(m *held, note string, frozen bool) error {
	name, now := m.row.GetName()+"/cosignature", s.book.Clock()
	before, err := cosignatures.Get(m.all, name)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	case err == nil && !frozen && m.size < before.GetSize()+testifyEntries && now.Before(before.GetUpdateTime().AsTime().Add(testifyEvery)):
		return nil
	}
	rev, err := s.book.Log.Next(m.all, name)
	if err != nil {
		return err
	}
	c := &federationv1.Cosignature{
		Name: name, Origin: m.row.GetOrigin(), Size: m.size, Note: note, Frozen: frozen,
		CreateTime: timestamppb.New(now), UpdateTime: timestamppb.New(now), Etag: strconv.FormatUint(rev, 10),
	}
	if before.GetCreateTime() != nil {
		c.CreateTime = before.GetCreateTime()
	}
	if err := cosignatures.Put(m.all, c); err != nil {
		return fmt.Errorf("keeping a cosignature: %w", err)
	}
	return s.say(m.all, "federation.checkpoint.cosigned.v1", name, rev, c)
}

func leafOf(r *feedv1.Record) tlog.Hash { return tlog.RecordHash(r.GetEntry()) }
