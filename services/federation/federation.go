// Package federation holds the rules between installations: who may be enrolled,
// what of a pushed log is believed, what two signed heads prove about it, when an
// entry became known, when silence is an alarm. Every function is pure. Server
// keeps the logs that are pushed to this installation, push pushes its own
// upward, and evidence is verified by whoever holds it, with these same
// functions and no store.
package federation

import (
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// The reasons for which an enrolment or a stream is refused.
var (
	ErrInstallationExists = fault.Of(federationv1.Reason_REASON_INSTALLATION_EXISTS)
	ErrOriginInvalid      = fault.Of(federationv1.Reason_REASON_ORIGIN_INVALID)
	ErrKeyInvalid         = fault.Of(federationv1.Reason_REASON_KEY_INVALID)
	ErrLogRepeated        = fault.Of(federationv1.Reason_REASON_LOG_REPEATED)
	ErrLogMissing         = fault.Of(federationv1.Reason_REASON_LOG_MISSING)
	ErrUnitRefused        = fault.Of(federationv1.Reason_REASON_INSTALLATION_UNIT_REFUSED)
	ErrIllegalMove        = fault.Of(federationv1.Reason_REASON_INSTALLATION_ILLEGAL_MOVE)
	ErrSignatureRefused   = fault.Of(federationv1.Reason_REASON_INSTALLATION_SIGNATURE_REFUSED)
	ErrStreamRunning      = fault.Of(federationv1.Reason_REASON_STREAM_RUNNING)
	ErrNoEvidence         = fault.Of(federationv1.Reason_REASON_LOG_EVIDENCE_NONE)
	ErrStreamEnded        = fault.Of(federationv1.Reason_REASON_STREAM_ENDED)
	ErrKeyRevoked         = fault.Of(federationv1.Reason_REASON_KEY_REVOKED)
	ErrKeyTaken           = fault.Of(federationv1.Reason_REASON_KEY_TAKEN)
)

// What both sides keep to.
const (
	// MaxRun is how many entries a run may have.
	MaxRun = 1024
	// MaxBytes is how many bytes of entries a run may have.
	MaxBytes = 1 << 20
	// Credit is how many entries of a log may be under way.
	Credit = 4 * MaxRun
	// Skew is how much the clocks of two installations may differ.
	Skew = 10 * time.Minute
	// Beat is how often a log's head is shown, even when nothing happens.
	Beat = time.Minute
)

// move is what is done with an enrolled installation.
type move string

// The moves of an enrolled installation.
const (
	Extending   move = "extend / 增加日志"
	Suspending  move = "suspend / 暂停"
	Resuming    move = "resume / 恢复"
	Revoking    move = "revoke / 作废"
	Reenrolling move = "reenrol / 重新登记"
)

// Life is an enrolled installation's life.
var Life = lifecycle.Table[federationv1.Installation_State, move]{
	federationv1.Installation_STATE_ACTIVE: {
		Extending:  federationv1.Installation_STATE_ACTIVE,
		Suspending: federationv1.Installation_STATE_SUSPENDED,
		Revoking:   federationv1.Installation_STATE_REVOKED,
	},
	federationv1.Installation_STATE_SUSPENDED: {
		Extending: federationv1.Installation_STATE_SUSPENDED,
		Resuming:  federationv1.Installation_STATE_ACTIVE,
		Revoking:  federationv1.Installation_STATE_REVOKED,
	},
	federationv1.Installation_STATE_REVOKED: {
		Reenrolling: federationv1.Installation_STATE_ACTIVE,
	},
}
