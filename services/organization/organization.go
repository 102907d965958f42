// Package organization holds the rules of units, people and what they may do:
// which trees, grants and keys there can be. Every function is pure: it takes
// the records as they stand and returns them as they should be. The server
// beside it finds and stores them.
package organization

import (
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// The reasons for which a rule refuses.
var (
	ErrAlreadyInitialized     = fault.Of(organizationv1.Reason_REASON_INSTALLATION_INITIALIZED)
	ErrUnitExists             = fault.Of(organizationv1.Reason_REASON_UNIT_EXISTS)
	ErrUnitCycle              = fault.Of(organizationv1.Reason_REASON_UNIT_CYCLE)
	ErrTreeTooDeep            = fault.Of(organizationv1.Reason_REASON_UNIT_TOO_DEEP)
	ErrUnitCodeAmbiguous      = fault.Of(organizationv1.Reason_REASON_UNIT_CODE_AMBIGUOUS)
	ErrRootKind               = fault.Of(organizationv1.Reason_REASON_UNIT_ROOT_INVALID)
	ErrUnitLevel              = fault.Of(organizationv1.Reason_REASON_UNIT_LEVEL_INVALID)
	ErrUnitSuperior           = fault.Of(organizationv1.Reason_REASON_UNIT_CHANGE_DENIED)
	ErrUnitArchived           = fault.Of(organizationv1.Reason_REASON_UNIT_ARCHIVED)
	ErrUnitRemote             = fault.Of(faultv1.Reason_REASON_UNIT_REMOTE)
	ErrUnitHasChildren        = fault.Of(organizationv1.Reason_REASON_UNIT_HAS_CHILDREN)
	ErrMergeSelf              = fault.Of(organizationv1.Reason_REASON_UNIT_MERGE_REFUSED)
	ErrMergeKindDiffers       = fault.Of(organizationv1.Reason_REASON_UNIT_KIND_DIFFERS)
	ErrMomentFuture           = fault.Of(organizationv1.Reason_REASON_UNIT_MOMENT_INVALID)
	ErrParentUnknown          = fault.Of(organizationv1.Reason_REASON_UNIT_PARENT_UNKNOWN)
	ErrUnitIsRoot             = fault.Of(organizationv1.Reason_REASON_UNIT_IS_ROOT)
	ErrFieldImmutable         = fault.Of(organizationv1.Reason_REASON_FIELD_IMMUTABLE)
	ErrMemberExists           = fault.Of(organizationv1.Reason_REASON_MEMBER_EXISTS)
	ErrPostInvalid            = fault.Of(organizationv1.Reason_REASON_MEMBER_POST_INVALID)
	ErrMachineExists          = fault.Of(organizationv1.Reason_REASON_MACHINE_EXISTS)
	ErrPrincipalUnknown       = fault.Of(organizationv1.Reason_REASON_PRINCIPAL_UNKNOWN)
	ErrAdministratorsSeparate = fault.Of(organizationv1.Reason_REASON_GRANT_ADMINISTRATORS_SEPARATE)
	ErrCustodianSeparate      = fault.Of(organizationv1.Reason_REASON_GRANT_CUSTODIAN_SEPARATE)
	ErrSelfGrant              = fault.Of(organizationv1.Reason_REASON_GRANT_SELF_REFUSED)
	ErrRoleNotForPrincipal    = fault.Of(organizationv1.Reason_REASON_GRANT_ROLE_INVALID)
	ErrGrantEnded             = fault.Of(organizationv1.Reason_REASON_GRANT_ENDED)
	ErrGrantLast              = fault.Of(organizationv1.Reason_REASON_GRANT_LAST_REFUSED)
	ErrGrantExists            = fault.Of(organizationv1.Reason_REASON_GRANT_EXISTS)
	ErrKeyEnded               = fault.Of(organizationv1.Reason_REASON_KEY_ENDED)
	ErrKeyRotated             = fault.Of(organizationv1.Reason_REASON_KEY_ROTATED)
	ErrKeyLast                = fault.Of(organizationv1.Reason_REASON_KEY_LAST_REFUSED)
	ErrExpiryOutOfRange       = fault.Of(organizationv1.Reason_REASON_KEY_EXPIRY_INVALID)
	ErrKeyOpensNothing        = fault.Of(organizationv1.Reason_REASON_KEY_GRANTS_NONE)
	ErrScopeUnknown           = fault.Of(organizationv1.Reason_REASON_KEY_SCOPE_UNKNOWN)
	ErrScopeWider             = fault.Of(organizationv1.Reason_REASON_KEY_SCOPE_OUTSIDE)
	ErrRightsWider            = fault.Of(organizationv1.Reason_REASON_PRINCIPAL_OUTSIDE)
	ErrIdentityExists         = fault.Of(organizationv1.Reason_REASON_IDENTITY_EXISTS)
	ErrNetworkWider           = fault.Of(organizationv1.Reason_REASON_KEY_NETWORK_OUTSIDE)
	ErrIdentityIssuerUnknown  = fault.Of(organizationv1.Reason_REASON_IDENTITY_ISSUER_UNKNOWN)
	ErrIdentityEnded          = fault.Of(organizationv1.Reason_REASON_IDENTITY_ENDED)
	ErrCSVUnreadable          = fault.Of(organizationv1.Reason_REASON_IMPORT_CSV_MALFORMED)
	ErrRowDiffers             = fault.Of(organizationv1.Reason_REASON_IMPORT_ROW_DIFFERS)
	ErrRowInvalid             = fault.Of(organizationv1.Reason_REASON_IMPORT_ROW_INVALID)
)
