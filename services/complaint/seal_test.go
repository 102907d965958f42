package complaint_test

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
)

// TestOnlyThisOfASealedCaseLiesInTheOpen lists the fields by hand: who adds one
// to the contract decides here.
func TestOnlyThisOfASealedCaseLiesInTheOpen(t *testing.T) {
	want := strings.Fields("accept_time acknowledge_due assign_time assigned_by assignee close_time closed_by create_time decide_due desk digests etag" +
		" finish_due name reject_time rejected_by replied_by reply_time responsible routing rule_pack sealed state type update_time")
	whole := full()
	open, content := complaint.Part(whole)
	if got := set(open); !slices.Equal(got, want) {
		t.Errorf("in the open lie\n%v, want\n%v", got, want)
	}
	for _, name := range set(content) {
		if slices.Contains(want, name) {
			t.Errorf("%s lies in the open and in the content", name)
		}
	}
	if !proto.Equal(complaint.Join(open, content), whole) {
		t.Error("Join does not undo Part")
	}
	whole.Sealed = false
	if open, content := complaint.Part(whole); content != nil || !proto.Equal(open, whole) {
		t.Error("a complaint that is not sealed was parted")
	}
}

// full is a complaint with every field set.
func full() *complaintv1.Complaint {
	c := &complaintv1.Complaint{}
	m := c.ProtoReflect()
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		switch f.Kind() {
		case protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString("x"))
		case protoreflect.BoolKind:
			m.Set(f, protoreflect.ValueOfBool(true))
		case protoreflect.EnumKind:
			m.Set(f, protoreflect.ValueOfEnum(1))
		case protoreflect.MessageKind:
			m.Mutable(f)
		}
	}
	return c
}

func set(c *complaintv1.Complaint) (names []string) {
	c.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		names = append(names, string(f.Name()))
		return true
	})
	slices.Sort(names)
	return names
}

func TestAReceiptIsReadAsItIsTyped(t *testing.T) {
	if got, _ := new(big.Float).SetInt(complaint.Codes).Float64(); got < 7.38e19 { // 2^66
		t.Errorf("there are %v receipts: fewer than 66 bits", got)
	}
	receipt := complaint.Receipt(big.NewInt(794))
	if receipt != "0000-0000-0000-0000-0794-"+receipt[len(receipt)-1:] || len(receipt) != 26 {
		t.Fatalf("the receipt is %q", receipt)
	}
	for _, typed := range []string{receipt, strings.ReplaceAll(receipt, "-", ""), " " + strings.ReplaceAll(receipt, "-", " ")} {
		if code, ok := complaint.ReadReceipt(typed); !ok || code != "00000000000000000794" {
			t.Errorf("%q was read as %q, %v", typed, code, ok)
		}
	}
	for i, c := range []byte(receipt) {
		for wrong := byte('0'); wrong <= '9'; wrong++ {
			if c == '-' || wrong == c {
				continue
			}
			typed := receipt[:i] + string(wrong) + receipt[i+1:]
			if _, ok := complaint.ReadReceipt(typed); ok {
				t.Errorf("%q passes for a receipt", typed)
			}
		}
	}
	for _, typed := range []string{"", "1", receipt + "0", strings.Repeat("x", 21)} {
		if _, ok := complaint.ReadReceipt(typed); ok {
			t.Errorf("%q passes for a receipt", typed)
		}
	}
}

// ISO 7064 calls a code with its check digit right if the products end in 1; its
// own example for MOD 11,10 is 0794 with the check digit 5.
func TestTheCheckDigitIsTheStandards(t *testing.T) {
	right := func(code string) bool {
		product, sum := 10, 0
		for _, d := range code {
			sum = (product + int(d-'0')) % 10
			product = sum * 2 % 11
			if sum == 0 {
				product = 20 % 11
			}
		}
		return sum == 1
	}
	if !right("07945") {
		t.Fatal("the standard's example does not hold: this test is wrong")
	}
	for i := range int64(2000) {
		n := new(big.Int).Mul(big.NewInt(i), big.NewInt(9_007_199_254_740_993))
		if code := strings.ReplaceAll(complaint.Receipt(n), "-", ""); !right(code) {
			t.Errorf("%s has a wrong check digit", code)
		}
	}
}
