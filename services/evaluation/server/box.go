package server

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"google.golang.org/protobuf/proto"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/store"
)

// The ballot box lies outside the feed and outside of what fsck folds. Keys are
// the round's name, 0x00, and what stands beside the bucket. While a round is
// open, codes and ballots lie under different HMACs of the code, so that neither
// leads to the other without the code itself; with the pepper, which closing
// destroys, goes the way from a code to either.
const (
	peppers = "ballot.peppers" // → 32 random bytes; a round has one while it is open
	codes   = "ballot.codes"   // HMAC of the code → place of its group, or spent and proof
	staged  = "ballot.staged"  // another HMAC of the code → ballot
	waiting = "ballot.waiting" // keys of those staged that the feed does not know yet
	final   = "ballot.final"   // receipt → ballot; of a closed round
)

// spent is what stands instead of the group of a code that was used. Behind it
// stands an HMAC of the code and the request id, if there was one.
const spent = 0xff

// box is the ballot box of one round in one transaction.
type box struct {
	tx    store.Tx
	round string
}

// ballot is an opening together with its stored bytes.
type ballot struct {
	*evaluationv1.BallotOpening
	stored []byte
}

func (b box) key(tail []byte) []byte { return append([]byte(b.round+"\x00"), tail...) }

// openBox makes the pepper of a round.
func openBox(tx store.Tx, round string) error {
	pepper := make([]byte, sha256.Size)
	_, _ = rand.Read(pepper) // never fails
	return tx.Put(peppers, []byte(round), pepper)
}

// hash is the key under which a code lies in a bucket, or store.ErrNotFound if
// the round is not open.
func (b box) hash(bucket, code string) ([]byte, error) {
	tail, err := b.mac(bucket, code)
	return b.key(tail), err
}

// proof is what a repeat of the same rater comes to again; of no request id, nothing.
func (b box) proof(p paper) ([]byte, error) {
	if p.id == "" {
		return nil, nil
	}
	return b.mac("ballot.repeat", p.code+"\x00"+p.id)
}

// mac hides a text for one purpose, or answers store.ErrNotFound if the round is
// not open.
func (b box) mac(purpose, text string) ([]byte, error) {
	pepper, err := b.tx.Get(peppers, []byte(b.round))
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, pepper)
	mac.Write([]byte(purpose + "\x00" + text))
	return mac.Sum(nil), nil
}

// draw returns a uniform random number below n.
func draw(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // the system's randomness never fails
	}
	return int(i.Int64())
}

// issue makes n codes of the group at that place.
func (b box) issue(group, n int) ([]string, error) {
	issued := make([]string, n)
	for i := range issued {
		issued[i] = evaluation.NewCode(draw)
		plain, err := evaluation.ParseCode(issued[i])
		if err != nil {
			return nil, err
		}
		key, err := b.hash(codes, plain)
		if err != nil {
			return nil, err
		}
		if err := b.tx.Put(codes, key, []byte{byte(group)}); err != nil {
			return nil, err
		}
	}
	return issued, nil
}

// find returns the place of the group of a code, or, to the rater who proves to
// have used it, spent.
func (b box) find(p paper) (group int, err error) {
	key, err := b.hash(codes, p.code)
	if err != nil {
		return 0, err
	}
	value, there, err := store.Seek(b.tx, codes, key)
	switch {
	case err != nil:
		return 0, err
	case !there:
		return 0, evaluation.ErrCodeUnknown.At("code", "不属于本轮评议", "is not one of the round")
	}
	if value[0] != spent {
		return int(value[0]), nil
	}
	proof, err := b.proof(p)
	if err == nil && (proof == nil || !hmac.Equal(proof, value[1:])) {
		err = errSpent
	}
	return spent, err
}

// errSpent is what a spent code gets.
var errSpent = evaluation.ErrCodeSpent.At("code", "已使用", "is spent")

// cast burns the code and keeps the ballot.
func (b box) cast(p paper, group int, choices []uint32) (ballot, error) {
	salt := make([]byte, evaluation.SaltSize)
	_, _ = rand.Read(salt) // never fails
	o := &evaluationv1.BallotOpening{Salt: salt, Group: uint32(group), Choices: choices}
	stored, err := proto.MarshalOptions{Deterministic: true}.Marshal(o)
	if err != nil {
		return ballot{}, fmt.Errorf("encoding a ballot: %w", err)
	}
	burnt, err := b.hash(codes, p.code)
	if err != nil {
		return ballot{}, err
	}
	key, err := b.hash(staged, p.code)
	if err != nil {
		return ballot{}, err
	}
	proof, err := b.proof(p)
	if err != nil {
		return ballot{}, err
	}
	return ballot{o, stored}, errors.Join(
		b.tx.Put(codes, burnt, append([]byte{spent}, proof...)),
		b.tx.Put(staged, key, stored),
		b.tx.Put(waiting, key, nil),
	)
}

// recall returns the ballot that was cast with a spent code, if it is this one.
func (b box) recall(code string, choices []uint32) (ballot, error) {
	key, err := b.hash(staged, code)
	if err != nil {
		return ballot{}, err
	}
	stored, err := b.tx.Get(staged, key)
	if err != nil {
		return ballot{}, fmt.Errorf("recalling a ballot: %w", err)
	}
	kept, err := decode(stored)
	if err == nil && !slices.Equal(kept.GetChoices(), choices) {
		err = errSpent
	}
	return kept, err
}

func decode(stored []byte) (ballot, error) {
	o := &evaluationv1.BallotOpening{}
	if err := proto.Unmarshal(stored, o); err != nil {
		return ballot{}, fmt.Errorf("decoding a ballot: %w", err)
	}
	return ballot{o, stored}, nil
}

// each calls do with the ballots of a bucket in the order of their keys, which
// nothing of a ballot decides.
func (b box) each(bucket string, do func(ballot) error) error {
	from, to := store.Prefix(b.key(nil))
	for e, err := range b.tx.Scan(bucket, from, to) {
		if err != nil {
			return err
		}
		kept, err := decode(e.Value)
		if err != nil {
			return err
		}
		if err := do(kept); err != nil {
			return err
		}
	}
	return nil
}

// release returns the receipts of the ballots that wait, in the order of the
// hashes, and lets them wait no longer.
func (b box) release() (receipts [][]byte, err error) {
	from, to := store.Prefix(b.key(nil))
	for e, err := range b.tx.Scan(waiting, from, to) {
		if err != nil {
			return nil, err
		}
		stored, err := b.tx.Get(staged, e.Key)
		if err != nil {
			return nil, fmt.Errorf("reading a ballot that waits: %w", err)
		}
		receipt := evaluation.Receipt(b.round, stored)
		receipts = append(receipts, receipt[:])
	}
	slices.SortFunc(receipts, bytes.Compare)
	return receipts, b.clear(waiting)
}

// count adds up the ballots of a bucket.
func (b box) count(bucket string, r *evaluationv1.Round) (*evaluation.Count, error) {
	count := evaluation.NewCount(r)
	return count, b.each(bucket, func(kept ballot) error { return count.Add(kept.BallotOpening) })
}

// receipts returns a page of the receipts of a closed round behind one of them,
// and the last if others follow.
func (b box) receipts(after string, size int) (list []string, next string, err error) {
	from, to := store.Prefix(b.key(nil))
	if last, err := hex.DecodeString(after); err == nil && after != "" {
		from = append(b.key(last), 0)
	}
	for e, err := range b.tx.Scan(final, from, to) {
		if err != nil {
			return nil, "", err
		}
		if len(list) == size {
			return list, list[size-1], nil
		}
		list = append(list, hex.EncodeToString(e.Key[len(b.round)+1:]))
	}
	return list, "", nil
}

// seal files the ballots under their receipts and destroys whatever a code could
// be known by.
func (b box) seal() error {
	err := b.each(staged, func(kept ballot) error {
		receipt := evaluation.Receipt(b.round, kept.stored)
		return b.tx.Put(final, b.key(receipt[:]), kept.stored)
	})
	return errors.Join(err, b.clear(staged), b.clear(waiting), b.clear(codes), b.tx.Delete(peppers, []byte(b.round)))
}

func (b box) clear(bucket string) error {
	from, to := store.Prefix(b.key(nil))
	for e, err := range b.tx.Scan(bucket, from, to) {
		if err != nil {
			return err
		}
		if err := b.tx.Delete(bucket, e.Key); err != nil {
			return err
		}
	}
	return nil
}
