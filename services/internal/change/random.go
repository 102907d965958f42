package change

import (
	"regexp"
	"strings"
)

// What a request id of the public must look like, so that it can hold about as many
// random bits as nobody guesses: 122 of a UUID (RFC 9562) of version 4, 128 of 32
// hexadecimal digits, 132 of 22 characters of base64. UUIDs of other versions are made
// of the time and of the device.
var (
	uuidShape   = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	uuidRandom  = regexp.MustCompile(`^.{14}4.{4}[89abAB]`)
	hexShape    = regexp.MustCompile(`^([0-9a-f-]*|[0-9A-F-]*)$`)
	base64Shape = regexp.MustCompile(`^[0-9A-Za-z+/_-]{22,}={0,2}$`)
)

const (
	hexDigits     = 32
	fewCharacters = 5
	fewTurns      = 4
)

// random says whether an id can have been drawn at random. It cannot know: what it
// refuses is what 122 random bits come to less than once in 2^39 times.
func random(id string) bool {
	bare := strings.ReplaceAll(strings.TrimRight(id, "="), "-", "")
	switch {
	case monotonous(bare):
		return false
	case uuidShape.MatchString(id):
		return uuidRandom.MatchString(id)
	case hexShape.MatchString(id):
		return len(bare) >= hexDigits
	}
	return base64Shape.MatchString(id)
}

// monotonous says whether a text has few different characters, or few differences of
// neighbours: there is one in a text that counts, and in one that repeats a few
// characters no more than these are.
func monotonous(text string) bool {
	characters, turns := map[byte]bool{}, map[int]bool{}
	for i := range len(text) {
		characters[text[i]] = true
		if i > 0 {
			turns[int(text[i])-int(text[i-1])] = true
		}
	}
	return len(characters) <= fewCharacters || len(turns) <= fewTurns
}
