// Package rectification holds the rules of the rectification ledger (整改台账):
// what a ledger, a filed version, a problem and an inspection may become, and who
// decides on what was found by whom. Every function is pure: it takes the records
// as they stand, the time and who acts, and returns the records as they should
// be; it never changes its arguments. The server beside it finds and stores them;
// that a caller holds a role at all, package authz decides.
package rectification

import (
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// The reasons for which a rule refuses.
var (
	ErrLedgerExists                = fault.Of(rectificationv1.Reason_REASON_LEDGER_EXISTS)
	ErrLedgerUnitArchived          = fault.Of(rectificationv1.Reason_REASON_LEDGER_UNIT_ARCHIVED)
	ErrLedgerCampaignUnknown       = fault.Of(rectificationv1.Reason_REASON_LEDGER_CAMPAIGN_UNKNOWN)
	ErrLedgerCampaignNotPublished  = fault.Of(rectificationv1.Reason_REASON_LEDGER_CAMPAIGN_NOT_PUBLISHED)
	ErrLedgerCampaignForeign       = fault.Of(rectificationv1.Reason_REASON_LEDGER_UNIT_OUTSIDE)
	ErrLedgerCampaignClosed        = fault.Of(rectificationv1.Reason_REASON_LEDGER_CAMPAIGN_CLOSED)
	ErrLedgerPlanMissing           = fault.Of(rectificationv1.Reason_REASON_LEDGER_PLAN_MISSING)
	ErrLedgerIllegalMove           = fault.Of(rectificationv1.Reason_REASON_LEDGER_ILLEGAL_MOVE)
	ErrLedgerDigestStale           = fault.Of(rectificationv1.Reason_REASON_LEDGER_DIGEST_STALE)
	ErrLedgerNothingNew            = fault.Of(rectificationv1.Reason_REASON_LEDGER_UNCHANGED)
	ErrLedgerHasSuperior           = fault.Of(rectificationv1.Reason_REASON_LEDGER_SUPERIOR_EXISTS)
	ErrLedgerSignerOutside         = fault.Of(rectificationv1.Reason_REASON_LEDGER_SIGNER_OUTSIDE)
	ErrLedgerDeciderInvolved       = fault.Of(rectificationv1.Reason_REASON_LEDGER_DECIDER_INVOLVED)
	ErrLedgerFull                  = fault.Of(rectificationv1.Reason_REASON_LEDGER_FULL)
	ErrProblemCategoryUnknown      = fault.Of(rectificationv1.Reason_REASON_PROBLEM_CATEGORY_UNKNOWN)
	ErrProblemSourceNotAllowed     = fault.Of(rectificationv1.Reason_REASON_PROBLEM_SOURCE_DENIED)
	ErrProblemIllegalMove          = fault.Of(rectificationv1.Reason_REASON_PROBLEM_ILLEGAL_MOVE)
	ErrProblemFindingFixed         = fault.Of(rectificationv1.Reason_REASON_PROBLEM_FINDING_FIXED)
	ErrProblemDescriptionEmpty     = fault.Of(rectificationv1.Reason_REASON_PROBLEM_DESCRIPTION_MISSING)
	ErrProblemPlanIncomplete       = fault.Of(rectificationv1.Reason_REASON_PROBLEM_PLAN_INCOMPLETE)
	ErrProblemDeadlineFixed        = fault.Of(rectificationv1.Reason_REASON_PROBLEM_DEADLINE_FIXED)
	ErrProblemProgressFull         = fault.Of(rectificationv1.Reason_REASON_PROBLEM_PROGRESS_FULL)
	ErrProblemRectifiersFull       = fault.Of(rectificationv1.Reason_REASON_PROBLEM_RECTIFIERS_FULL)
	ErrProblemPersonUnknown        = fault.Of(rectificationv1.Reason_REASON_PROBLEM_PERSON_UNKNOWN)
	ErrProblemDeadlineOutside      = fault.Of(rectificationv1.Reason_REASON_PROBLEM_DEADLINE_OUTSIDE)
	ErrProblemEvidenceMissing      = fault.Of(rectificationv1.Reason_REASON_PROBLEM_EVIDENCE_MISSING)
	ErrProblemEvidenceUnknown      = fault.Of(rectificationv1.Reason_REASON_PROBLEM_EVIDENCE_UNKNOWN)
	ErrProblemUnchanged            = fault.Of(rectificationv1.Reason_REASON_PROBLEM_UNCHANGED)
	ErrProblemSamePerson           = fault.Of(rectificationv1.Reason_REASON_PROBLEM_SAME_PERSON)
	ErrProblemNotYoursToDecide     = fault.Of(rectificationv1.Reason_REASON_PROBLEM_DECISION_DENIED)
	ErrProblemDeciderInvolved      = fault.Of(rectificationv1.Reason_REASON_PROBLEM_DECIDER_INVOLVED)
	ErrProblemDeciderOutside       = fault.Of(rectificationv1.Reason_REASON_PROBLEM_DECIDER_OUTSIDE)
	ErrProblemDeadlineNotLater     = fault.Of(rectificationv1.Reason_REASON_PROBLEM_DEADLINE_INVALID)
	ErrProblemNotFiled             = fault.Of(rectificationv1.Reason_REASON_PROBLEM_LEDGER_NOT_FILED)
	ErrProblemExtensionPending     = fault.Of(rectificationv1.Reason_REASON_PROBLEM_EXTENSION_PENDING)
	ErrProblemExtensionNone        = fault.Of(rectificationv1.Reason_REASON_PROBLEM_EXTENSION_NONE)
	ErrProblemSuperiorNone         = fault.Of(rectificationv1.Reason_REASON_PROBLEM_SUPERIOR_NONE)
	ErrProblemExtensionPassed      = fault.Of(rectificationv1.Reason_REASON_PROBLEM_EXTENSION_OVER)
	ErrProblemExtensionsFull       = fault.Of(rectificationv1.Reason_REASON_PROBLEM_EXTENSIONS_FULL)
	ErrInspectionIllegalMove       = fault.Of(rectificationv1.Reason_REASON_INSPECTION_ILLEGAL_MOVE)
	ErrInspectionTargetOutside     = fault.Of(rectificationv1.Reason_REASON_INSPECTION_TARGET_OUTSIDE)
	ErrInspectionTargetArchived    = fault.Of(rectificationv1.Reason_REASON_INSPECTION_TARGET_ARCHIVED)
	ErrInspectionOwnUnit           = fault.Of(rectificationv1.Reason_REASON_INSPECTION_MEMBER_INVOLVED)
	ErrInspectionNotOfTeam         = fault.Of(rectificationv1.Reason_REASON_INSPECTION_RECORD_DENIED)
	ErrInspectionConcluderInvolved = fault.Of(rectificationv1.Reason_REASON_INSPECTION_CONCLUDER_INVOLVED)
	ErrInspectionRecorderOutside   = fault.Of(rectificationv1.Reason_REASON_INSPECTION_RECORDER_OUTSIDE)
	ErrInspectionTeamInvalid       = fault.Of(rectificationv1.Reason_REASON_INSPECTION_TEAM_INVALID)
	ErrInspectionMemberUnknown     = fault.Of(rectificationv1.Reason_REASON_INSPECTION_MEMBER_UNKNOWN)
	ErrInspectionTargetUnknown     = fault.Of(rectificationv1.Reason_REASON_INSPECTION_TARGET_UNKNOWN)
	ErrInspectionTargetRecorded    = fault.Of(rectificationv1.Reason_REASON_INSPECTION_TARGET_RECORDED)
)
