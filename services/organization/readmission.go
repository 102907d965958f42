package organization

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// Readmission is how the operator of the machine lets a security administrator of the
// root in again (重新发放), when nobody can issue a key any more.
type Readmission struct {
	Name      string // the new key's, apiKeys/{key}
	Principal string // whose it is to be; empty: of the only one
	Lost      bool   // keys that hold were lost: they end
}

// ErrGoverned answers an operator while a key still holds, whose holder can issue others.
var ErrGoverned = errors.New("a security administrator of the root has a key that holds")

// Readmit returns the key of a security administrator by one of the grants, which carries
// that role alone and holds for the reserve, and the keys that end with it: two never
// govern, of which one was issued so.
func Readmit(r Readmission, grants []*organizationv1.RoleGrant, keys []*organizationv1.ApiKey, now time.Time) (k *organizationv1.ApiKey, ended []*organizationv1.ApiKey, err error) {
	if until := Governed(grants, keys, now); !until.IsZero() && !r.Lost {
		return nil, nil, fmt.Errorf("%w, until %s", ErrGoverned, stamp(until))
	}
	principal, err := readmitted(r.Principal, grants)
	if err != nil {
		return nil, nil, err
	}
	for _, old := range keys {
		if Governed(grants, []*organizationv1.ApiKey{old}, now).IsZero() {
			continue
		}
		gone, err := RevokeKey(old, now)
		if err != nil {
			return nil, nil, err
		}
		ended = append(ended, gone)
	}
	return &organizationv1.ApiKey{
		Name: r.Name, Principal: principal, DisplayName: "由服务器运维人员离线发放",
		Roles: []accessv1.Role{accessv1.Role_ROLE_SECURITY_ADMIN}, ExpireTime: timestamppb.New(now.Add(KeyReserve)),
	}, ended, nil
}

// readmitted is the holder of one of the grants who is asked for, or the only one.
func readmitted(asked string, grants []*organizationv1.RoleGrant) (string, error) {
	var holders []string
	for _, g := range grants {
		holders = append(holders, g.GetPrincipal())
	}
	slices.Sort(holders)
	holders = slices.Compact(holders)
	switch {
	case asked != "" && slices.Contains(holders, asked):
		return asked, nil
	case asked == "" && len(holders) == 1:
		return holders[0], nil
	default:
		return "", fmt.Errorf("%q is not security administrator on the root; name one of %q", asked, holders)
	}
}
