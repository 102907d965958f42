package services_test

import (
	"strings"

	"google.golang.org/grpc/codes"
	protobuf "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// asks is the plain case: one request for one record.
func asks(ask func(records) protobuf.Message) fixture { return fixture{ask: ask} }

func organizationFixtures() map[string][]fixture {
	all := map[string][]fixture{}
	for _, part := range []map[string][]fixture{setupFixtures(), unitFixtures(), peopleFixtures(), grantFixtures(), keyFixtures(), identityFixtures()} {
		for name, list := range part {
			all[name] = list
		}
	}
	return all
}

// nowhere are the homes of methods that are about no unit.
var nowhere = []string{""}

func setupFixtures() map[string][]fixture {
	return map[string][]fixture{
		"Initialize": {{homes: nowhere, ask: func(records) protobuf.Message {
			return &organizationv1.InitializeRequest{
				Root: &organizationv1.Unit{DisplayName: "另一个省", Kind: organizationv1.Unit_KIND_PROVINCE}, RootId: "other",
				SystemAdmin: "甲", SecurityAdmin: "乙", Auditor: "丙",
			}
		}}},
		"GetCaller": {{homes: nowhere, ask: func(records) protobuf.Message { return &organizationv1.GetCallerRequest{} }}},
		"Introspect": {{homes: nowhere, ask: func(r records) protobuf.Message {
			return &organizationv1.IntrospectRequest{KeyId: strings.TrimPrefix(r.key, "apiKeys/"), Digest: make([]byte, 32)}
		}}},
	}
}

func unitFixtures() map[string][]fixture {
	return map[string][]fixture{
		"CreateUnit": {asks(func(r records) protobuf.Message {
			return &organizationv1.CreateUnitRequest{
				Unit:         &organizationv1.Unit{DisplayName: "新设单位", Kind: organizationv1.Unit_KIND_DEPARTMENT, Parent: r.unit},
				ValidateOnly: true,
			}
		})},
		"GetUnit": {
			asks(func(r records) protobuf.Message { return &organizationv1.GetUnitRequest{Name: r.unit} }),
			{note: "as it was", ask: func(r records) protobuf.Message {
				return &organizationv1.GetUnitRequest{Name: r.unit, AsOf: timestamppb.New(suitetest.Start)}
			}},
		},
		"ListUnits": {
			{note: "all", sifts: true, shows: unitOf, ask: func(records) protobuf.Message { return &organizationv1.ListUnitsRequest{PageSize: 1000} }},
			{note: "all, as they were", sifts: true, shows: unitOf, ask: func(records) protobuf.Message {
				return &organizationv1.ListUnitsRequest{PageSize: 1000, AsOf: timestamppb.New(suitetest.Start)}
			}},
			{note: "beneath one", shows: unitOf, ask: func(r records) protobuf.Message {
				return &organizationv1.ListUnitsRequest{PageSize: 1000, Ancestor: r.unit}
			}},
		},
		"UpdateUnit": {asks(func(r records) protobuf.Message {
			return &organizationv1.UpdateUnitRequest{Unit: &organizationv1.Unit{Name: r.unit, DisplayName: "新名称"}, ValidateOnly: true}
		})},
		"MoveUnit": {
			asks(func(r records) protobuf.Message {
				return &organizationv1.MoveUnitRequest{Name: r.unit, Parent: r.child, ValidateOnly: true}
			}),
			{note: "one's own to there", ask: func(r records) protobuf.Message {
				return &organizationv1.MoveUnitRequest{Name: r.own, Parent: r.unit, ValidateOnly: true}
			}},
		},
		"MergeUnit": {
			asks(func(r records) protobuf.Message {
				return &organizationv1.MergeUnitRequest{Name: r.unit, Into: r.child, ValidateOnly: true}
			}),
			{note: "one's own into it", ask: func(r records) protobuf.Message {
				return &organizationv1.MergeUnitRequest{Name: r.own, Into: r.unit, ValidateOnly: true}
			}},
		},
		"ArchiveUnit": {asks(func(r records) protobuf.Message {
			return &organizationv1.ArchiveUnitRequest{Name: r.unit, ValidateOnly: true}
		})},
		"ImportUnits": {asks(func(r records) protobuf.Message {
			id := strings.TrimPrefix(r.unit, "units/")
			return &organizationv1.ImportUnitsRequest{
				Ancestor: r.unit, Csv: "id,parent_id,kind,display_name\nnew," + id + ",department,新设单位\n", ValidateOnly: true,
			}
		})},
	}
}

func peopleFixtures() map[string][]fixture {
	return map[string][]fixture{
		"CreateMember": {asks(func(r records) protobuf.Message {
			return &organizationv1.CreateMemberRequest{Parent: r.unit, Member: &organizationv1.Member{DisplayName: "新人"}, ValidateOnly: true}
		})},
		"GetMember": {{except: draft(), ask: func(r records) protobuf.Message { return &organizationv1.GetMemberRequest{Name: r.member} }}},
		"ListMembers": {{except: inward(), shows: memberOf, ask: func(r records) protobuf.Message {
			return &organizationv1.ListMembersRequest{Parent: r.unit, PageSize: 1000}
		}}},
		"UpdateMember": {asks(func(r records) protobuf.Message {
			return &organizationv1.UpdateMemberRequest{Member: &organizationv1.Member{Name: r.member, DisplayName: "新姓名"}, ValidateOnly: true}
		})},
		"CreateMachine": {asks(func(r records) protobuf.Message {
			return &organizationv1.CreateMachineRequest{Machine: &organizationv1.Machine{DisplayName: "新系统", Unit: r.unit}, ValidateOnly: true}
		})},
		"GetMachine": {{except: draft(), ask: func(r records) protobuf.Message { return &organizationv1.GetMachineRequest{Name: r.machine} }}},
		"ListMachines": {{sifts: true, except: draft(), shows: func(r records) string { return r.machine }, ask: func(records) protobuf.Message {
			return &organizationv1.ListMachinesRequest{PageSize: 1000}
		}}},
	}
}

func grantFixtures() map[string][]fixture {
	shows := func(r records) string { return r.grant }
	return map[string][]fixture{
		"CreateRoleGrant": {asks(func(r records) protobuf.Message {
			return &organizationv1.CreateRoleGrantRequest{
				RoleGrant:    &organizationv1.RoleGrant{Principal: r.local, Role: accessv1.Role_ROLE_CLERK, Unit: r.unit},
				ValidateOnly: true,
			}
		})},
		"GetRoleGrant": {asks(func(r records) protobuf.Message { return &organizationv1.GetRoleGrantRequest{Name: r.grant} })},
		"ListRoleGrants": {
			{note: "all", sifts: true, shows: shows, ask: func(records) protobuf.Message { return &organizationv1.ListRoleGrantsRequest{PageSize: 1000} }},
			{note: "of a principal", sifts: true, shows: shows, ask: func(r records) protobuf.Message {
				return &organizationv1.ListRoleGrantsRequest{PageSize: 1000, Principal: r.member}
			}},
		},
		"DeleteRoleGrant": {asks(func(r records) protobuf.Message {
			return &organizationv1.DeleteRoleGrantRequest{Name: r.grant, ValidateOnly: true}
		})},
	}
}

func keyFixtures() map[string][]fixture {
	shows := func(r records) string { return r.key }
	return map[string][]fixture{
		// The principal is a field, not the resource: one that is not for the
		// caller is as unknown as one that is not there.
		"CreateApiKey": {{hides: codes.InvalidArgument, ask: func(r records) protobuf.Message {
			return &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{Principal: r.member}, ValidateOnly: true}
		}}},
		"GetApiKey": {asks(func(r records) protobuf.Message { return &organizationv1.GetApiKeyRequest{Name: r.key} })},
		"ListApiKeys": {
			{note: "all", sifts: true, shows: shows, ask: func(records) protobuf.Message { return &organizationv1.ListApiKeysRequest{PageSize: 1000} }},
			{note: "of a principal", sifts: true, shows: shows, ask: func(r records) protobuf.Message {
				return &organizationv1.ListApiKeysRequest{PageSize: 1000, Principal: r.member}
			}},
		},
		"RotateApiKey": {asks(func(r records) protobuf.Message {
			return &organizationv1.RotateApiKeyRequest{Name: r.key, ValidateOnly: true}
		})},
		"RevokeApiKey": {asks(func(r records) protobuf.Message {
			return &organizationv1.RevokeApiKeyRequest{Name: r.key, ValidateOnly: true}
		})},
	}
}

func identityFixtures() map[string][]fixture {
	shows := func(r records) string { return r.identity }
	return map[string][]fixture{
		"CreateIdentity": {{hides: codes.InvalidArgument, ask: func(r records) protobuf.Message {
			return &organizationv1.CreateIdentityRequest{
				Identity:     &organizationv1.Identity{Principal: r.member, Issuer: "https://id.example", Subject: "new"},
				ValidateOnly: true,
			}
		}}},
		"GetIdentity": {asks(func(r records) protobuf.Message { return &organizationv1.GetIdentityRequest{Name: r.identity} })},
		"ListIdentities": {
			{note: "all", sifts: true, shows: shows, ask: func(records) protobuf.Message {
				return &organizationv1.ListIdentitiesRequest{PageSize: 1000}
			}},
			{note: "of a principal", sifts: true, shows: shows, ask: func(r records) protobuf.Message {
				return &organizationv1.ListIdentitiesRequest{PageSize: 1000, Principal: r.member}
			}},
		},
		"DeleteIdentity": {asks(func(r records) protobuf.Message {
			return &organizationv1.DeleteIdentityRequest{Name: r.identity, ValidateOnly: true}
		})},
	}
}

func unitOf(r records) string   { return r.unit }
func memberOf(r records) string { return r.member }

// whole are the homes of what belongs to the installation.
var whole = []string{province}

func clockFixtures() map[string][]fixture {
	return map[string][]fixture{
		"GetClock": {{homes: nowhere, ask: func(records) protobuf.Message { return &clockv1.GetClockRequest{} }}},
		"SetClock": {{homes: whole, ask: func(records) protobuf.Message {
			return &clockv1.SetClockRequest{Now: timestamppb.New(suitetest.Start)} // the time that it is
		}}},
	}
}

func feedFixtures() map[string][]fixture {
	return map[string][]fixture{
		"GetCheckpoint": {{homes: whole, ask: func(r records) protobuf.Message { return &feedv1.GetCheckpointRequest{Name: r.feed} }}},
		"ListRecords":   {{homes: whole, ask: func(r records) protobuf.Message { return &feedv1.ListRecordsRequest{Parent: r.feed, PageSize: 1} }}},
		"GetProof": {{homes: whole, ask: func(r records) protobuf.Message {
			return &feedv1.GetProofRequest{Parent: r.feed, Of: &feedv1.GetProofRequest_Seq{Seq: 0}}
		}}},
	}
}
