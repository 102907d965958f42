package evaluation

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"
	"strconv"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
)

// Sheet is how a ballot of a round is laid out: a line for each unit rated, a
// column for each indicator that is from ballots.
type Sheet struct {
	round   *evaluationv1.Round
	columns []leaf
}

// NewSheet returns the layout of the round's ballots.
func NewSheet(r *evaluationv1.Round) *Sheet {
	return &Sheet{r, leaves(r.GetFrozenScheme(), evaluationv1.Indicator_FROM_BALLOT)}
}

func (s *Sheet) size() int { return len(s.round.GetSubjects()) * len(s.columns) }

// unanswered marks a choice that was not made yet.
const unanswered = ^uint32(0)

// Choices returns the answers as a box keeps them, line by line: 0 for 不了解,
// else 1 and the place of the option, or 1 and the score in thousandths. It
// refuses anything but exactly one answer for each field of the sheet.
func (s *Sheet) Choices(answers []*evaluationv1.Answer) ([]uint32, error) {
	choices := slices.Repeat([]uint32{unanswered}, s.size())
	lines := make(map[string]int, len(s.round.GetSubjects()))
	for i, subject := range s.round.GetSubjects() {
		lines[subject] = i
	}
	for i, a := range answers {
		line, known := lines[a.GetSubject()]
		column := slices.IndexFunc(s.columns, func(l leaf) bool { return l.GetCode() == a.GetIndicator() })
		at := fmt.Sprintf("answers[%d]", i)
		if !known || column < 0 {
			return nil, ErrBallotInvalid.At(at, "本轮没有该单位或指标", "names a unit or indicator that is not on the ballot")
		}
		field := &choices[line*len(s.columns)+column]
		choice, ok := choose(s.columns[column].scale, a)
		switch {
		case *field != unanswered:
			return nil, ErrBallotInvalid.At(at, "重复作答", "is the second answer to the same question")
		case !ok:
			return nil, ErrBallotInvalid.At(at, "不是量表所列的回答", "is not an answer of the scale")
		}
		*field = choice
	}
	if missing := slices.Index(choices, unanswered); missing >= 0 {
		line, column := missing/len(s.columns), s.columns[missing%len(s.columns)]
		return nil, ErrBallotInvalid.At("answers", fmt.Sprintf("缺少对第 %d 个被评单位的“%s”", line+1, column.GetName()),
			"lack "+column.GetCode()+" of "+s.round.GetSubjects()[line])
	}
	return choices, nil
}

// choose encodes one answer. An option that is excluded says the same as
// not_known.
func choose(scale *evaluationv1.Scale, a *evaluationv1.Answer) (choice uint32, ok bool) {
	switch v := a.GetValue().(type) {
	case *evaluationv1.Answer_NotKnown:
		return 0, v.NotKnown
	case *evaluationv1.Answer_Option:
		i := slices.IndexFunc(scale.GetOptions(), func(o *evaluationv1.Option) bool { return o.GetCode() == v.Option })
		if i >= 0 && scale.GetOptions()[i].GetExcluded() {
			return 0, true
		}
		return uint32(i + 1), i >= 0
	case *evaluationv1.Answer_Score:
		milli, ok := thousandths(v.Score)
		return uint32(milli + 1), ok && scale.GetKind() == evaluationv1.Scale_KIND_SCORE && within(scale, milli)
	default:
		return 0, false
	}
}

// thousandths reads a decimal of at most three digits behind the point.
func thousandths(decimal string) (milli int64, ok bool) {
	r, ok := new(big.Rat).SetString(decimal)
	if !ok {
		return 0, false
	}
	r.Mul(r, big.NewRat(1000, 1))
	return r.Num().Int64(), r.IsInt() && r.Num().IsInt64()
}

func within(scale *evaluationv1.Scale, milli int64) bool {
	return milli >= 1000*int64(scale.GetMin()) && milli <= 1000*int64(scale.GetMax())
}

// points returns what a choice counts, in thousandths. It refuses one that
// choose never returns, and 不了解, which counts nothing.
func points(scale *evaluationv1.Scale, choice uint32) (milli int64, ok bool) {
	if choice == 0 {
		return 0, false
	}
	if scale.GetKind() == evaluationv1.Scale_KIND_SCORE {
		milli = int64(choice) - 1
		return milli, within(scale, milli)
	}
	if int(choice) > len(scale.GetOptions()) || scale.GetOptions()[choice-1].GetExcluded() {
		return 0, false
	}
	return 1000 * int64(scale.GetOptions()[choice-1].GetPoints()), true
}

// SaltSize is how many random bytes keep a receipt from showing the answers.
const SaltSize = 32

// Receipt is what stands for a ballot in public: SHA-256 over a tag, the name of
// the round behind its length, and the BallotOpening as stored.
func Receipt(round string, opening []byte) [sha256.Size]byte {
	text := "duban/ballot/v1\x00" + strconv.Itoa(len(round)) + ":" + round
	return sha256.Sum256(append([]byte(text), opening...))
}
