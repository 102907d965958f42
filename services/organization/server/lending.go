package server

import (
	"cmp"
	"errors"
	"slices"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/organization"
)

// opens refuses a key that is narrowed to nothing, and one that lends too much; it
// returns the subtree that the key is to hold in.
func (s *Service) opens(tx *change.Tx, k *organizationv1.ApiKey) (unit string, err error) {
	if err := organization.Scoped(k, authz.Scopes()); err != nil {
		return "", err
	}
	if err := organization.Lends(tx.Access.Principal.Scopes, k.GetScopes(), "api_key.scopes"); err != nil {
		return "", err
	}
	if err := s.narrowed(tx, k); err != nil {
		return "", err
	}
	carried, places, err := s.carries(tx, k)
	if err != nil {
		return "", err
	}
	if err := organization.Opens(k, carried, places); err != nil {
		return "", err
	}
	return s.lent(tx, k, places, "api_key.unit")
}

// narrowed narrows a new key to the networks of the one that the caller uses, unless it is
// narrowed to fewer.
func (s *Service) narrowed(tx *change.Tx, k *organizationv1.ApiKey) error {
	used, err := s.networks(tx)
	if err != nil {
		return err
	}
	if len(k.GetAllowedNetworks()) == 0 {
		k.AllowedNetworks = used
	}
	return organization.LendsIn(used, k.GetAllowedNetworks(), "api_key.allowed_networks")
}

// networks are those that the key holds in that the caller uses; none: all, or it is a token.
func (s *Service) networks(tx *change.Tx) ([]string, error) {
	used, err := s.keys.Seek(tx, tx.Access.Principal.Key)
	return used.GetAllowedNetworks(), err
}

// lends returns the subtree in which what is handed out for k is to hold.
func (s *Service) lends(tx *change.Tx, k *organizationv1.ApiKey, field string) (unit string, err error) {
	if err := organization.Lends(tx.Access.Principal.Scopes, k.GetScopes(), field); err != nil {
		return "", err
	}
	used, err := s.networks(tx)
	if err != nil {
		return "", err
	}
	if err := organization.LendsIn(used, k.GetAllowedNetworks(), field); err != nil {
		return "", err
	}
	_, places, err := s.carries(tx, k)
	if err != nil {
		return "", err
	}
	return s.lent(tx, k, places, field)
}

// lent is the subtree that k is narrowed to or, if it is not, the caller's reach,
// so that no later grant carries it beyond: who hands out a secret could use it.
// It refuses, at the field, what reaches beyond now.
func (s *Service) lent(tx *change.Tx, k *organizationv1.ApiKey, places []string, field string) (string, error) {
	reach, err := s.reachOver(tx, k.GetPrincipal())
	if err != nil {
		return "", err
	}
	for _, place := range append(places, cmp.Or(k.GetUnit(), reach)) {
		if within, err := s.reaches(tx, place, reach); err != nil {
			return "", err
		} else if !within {
			return "", organization.ErrRightsWider.At(field, "持有者的授权超出您的管辖范围", "its principal holds rights beyond your reach")
		}
	}
	return cmp.Or(k.GetUnit(), reach), nil
}

// reachOver is the topmost unit from which the caller answers for the principal, or
// "" for the root, above which there is nothing to be kept from.
func (s *Service) reachOver(tx *change.Tx, principal string) (string, error) {
	home, err := s.answers(tx, principal)
	if err != nil {
		return "", err
	}
	reach, err := tx.Access.Reach(home)
	if reach == tx.Access.Tree().Root() {
		return "", err
	}
	return reach, err
}

// succession says how the caller may rotate k: the keys of one line, of which it
// calls with one, give it nothing that it has not; any other of its own would be
// one that it issues to itself.
func (s *Service) succession(tx *change.Tx, k *organizationv1.ApiKey) (organization.Succession, error) {
	next := organization.Succession{Name: "apiKeys/" + tx.NewID(), Unit: k.GetUnit()}
	if used := tx.Access.Principal; k.GetPrincipal() == used.Name {
		own, err := s.keys.Find(tx, used.Key)
		if errors.Is(err, authz.ErrNotFound) || err == nil && organization.Line(own) != organization.Line(k) {
			err = organization.ErrSelfGrant.At("name", "是您自己的另一把密钥", "is another key of your own")
		}
		next.Own = true
		return next, err
	}
	unit, err := s.lends(tx, k, "name")
	next.Unit = unit
	return next, err
}

// carries returns which of its principal's grants a key carries, and where these
// reach into its subtree.
func (s *Service) carries(tx *change.Tx, k *organizationv1.ApiKey) (carried []*organizationv1.RoleGrant, places []string, err error) {
	held, err := s.held(tx, k.GetPrincipal())
	if err != nil {
		return nil, nil, err
	}
	carried = organization.Carried(k, held)
	for _, g := range carried {
		place, err := s.meet(tx, g.GetUnit(), k.GetUnit())
		if err != nil {
			return nil, nil, err
		}
		if place != "" {
			places = append(places, place)
		}
	}
	return carried, places, nil
}

// meet is the lower of two units of which one stands above the other, or "" if
// neither does. An empty top is above all.
func (s *Service) meet(tx *change.Tx, unit, top string) (string, error) {
	if within, err := s.reaches(tx, unit, top); err != nil || within {
		return unit, err
	}
	if within, err := s.reaches(tx, top, unit); err != nil || within {
		return top, err
	}
	return "", nil
}

// reaches says whether the unit is top or lies in its subtree; an empty top is
// above all.
func (s *Service) reaches(tx *change.Tx, unit, top string) (bool, error) {
	if top == "" {
		return true, nil
	}
	path, err := s.path(tx, unit)
	if errors.Is(err, authz.ErrNotFound) {
		return false, nil
	}
	return slices.ContainsFunc(path, func(u *organizationv1.Unit) bool { return u.GetName() == top }), err
}
