// Package evaluation holds the rules of three-way evaluation (三项评议): which
// schemes and rounds there can be, what a ballot must say, how ballots are
// counted, and what of the figures may be shown. Every function is pure: time,
// ids and randomness come in, and no argument is changed. The server beside it
// finds and stores the records and keeps the ballot box; package schemes reads
// the schemes that ship with the suite.
package evaluation

import (
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// The reasons for which a rule refuses.
var (
	ErrIllegalMove     = fault.Of(evaluationv1.Reason_REASON_ROUND_ILLEGAL_MOVE)
	ErrRoundExists     = fault.Of(evaluationv1.Reason_REASON_ROUND_EXISTS)
	ErrSchemeUnknown   = fault.Of(evaluationv1.Reason_REASON_ROUND_SCHEME_UNKNOWN)
	ErrSubjectInvalid  = fault.Of(evaluationv1.Reason_REASON_ROUND_SUBJECT_INVALID)
	ErrOwnerArchived   = fault.Of(evaluationv1.Reason_REASON_ROUND_OWNER_ARCHIVED)
	ErrGroupInvalid    = fault.Of(evaluationv1.Reason_REASON_ROUND_GROUP_INVALID)
	ErrWindowInvalid   = fault.Of(evaluationv1.Reason_REASON_ROUND_WINDOW_INVALID)
	ErrWindowOutside   = fault.Of(evaluationv1.Reason_REASON_ROUND_WINDOW_OUTSIDE)
	ErrWindowOver      = fault.Of(evaluationv1.Reason_REASON_ROUND_WINDOW_OVER)
	ErrWindowRunning   = fault.Of(evaluationv1.Reason_REASON_ROUND_WINDOW_RUNNING)
	ErrTooSoon         = fault.Of(evaluationv1.Reason_REASON_ROUND_REPEATED)
	ErrCredentialLimit = fault.Of(evaluationv1.Reason_REASON_CREDENTIALS_TOO_MANY)
	ErrIssuerEvaluated = fault.Of(evaluationv1.Reason_REASON_CREDENTIAL_ISSUER_INVOLVED)
	ErrEvaluatedActs   = fault.Of(evaluationv1.Reason_REASON_ROUND_EVALUATED_INVOLVED)
	ErrTallierPublish  = fault.Of(evaluationv1.Reason_REASON_ROUND_PUBLISHER_INVOLVED)
	ErrIssuerCounts    = fault.Of(evaluationv1.Reason_REASON_ROUND_ISSUER_INVOLVED)
	ErrVoidRefused     = fault.Of(evaluationv1.Reason_REASON_ROUND_VOID_REFUSED)
	ErrOpenerVoids     = fault.Of(evaluationv1.Reason_REASON_ROUND_OPENER_INVOLVED)
	ErrFigureBehind    = fault.Of(evaluationv1.Reason_REASON_ROUND_FIGURE_PENDING)
	ErrCodeMalformed   = fault.Of(evaluationv1.Reason_REASON_BALLOT_CODE_MALFORMED)
	ErrCodeUnknown     = fault.Of(evaluationv1.Reason_REASON_BALLOT_CODE_UNKNOWN)
	ErrCodeSpent       = fault.Of(evaluationv1.Reason_REASON_BALLOT_CODE_SPENT)
	ErrBallotNotTaken  = fault.Of(evaluationv1.Reason_REASON_BALLOT_REFUSED)
	ErrBallotInvalid   = fault.Of(evaluationv1.Reason_REASON_BALLOT_INVALID)
	ErrMeasureInvalid  = fault.Of(evaluationv1.Reason_REASON_ROUND_MEASURE_INVALID)
	ErrVetoInvalid     = fault.Of(evaluationv1.Reason_REASON_ROUND_VETO_INVALID)
)

// Move is something that happens to a round.
type Move string

// The moves of a round.
const (
	Opening    Move = "open / 开放投票"
	Issuing    Move = "issue / 发放投票码"
	Closing    Move = "close / 截止投票"
	Tallying   Move = "tally / 计票"
	Publishing Move = "publish / 公布"
	Voiding    Move = "void / 作废"
)

// Life says which moves are allowed from which state of a round (评议轮次).
var Life = lifecycle.Table[evaluationv1.Round_State, Move]{
	evaluationv1.Round_STATE_DRAFT: {
		Opening: evaluationv1.Round_STATE_OPEN,
		Voiding: evaluationv1.Round_STATE_VOIDED,
	},
	evaluationv1.Round_STATE_OPEN: {
		Issuing: evaluationv1.Round_STATE_OPEN,
		Closing: evaluationv1.Round_STATE_CLOSED,
		Voiding: evaluationv1.Round_STATE_VOIDED,
	},
	evaluationv1.Round_STATE_CLOSED:  {Tallying: evaluationv1.Round_STATE_TALLIED},
	evaluationv1.Round_STATE_TALLIED: {Publishing: evaluationv1.Round_STATE_PUBLISHED},
}

// Strength is how well the credentials hide their raters: paper codes are all
// that there is.
const Strength = evaluationv1.CredentialStrength_CREDENTIAL_STRENGTH_PAPER_CODE

// notice says what Strength means.
func notice() *evaluationv1.Sentence {
	return &evaluationv1.Sentence{
		Zh: "本轮使用纸质一次性投票码：印发投票码的人若记下谁领了哪个码，开放期间又能读取数据库，就可能看到选票；其保密程度低于双方盲签凭证。",
		En: "This round uses one-time paper codes: whoever hands them out, notes who got which and can read the database while the round is open may see a ballot. They hide less than credentials blind-signed by two registrars.",
	}
}
