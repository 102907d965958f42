// Package calendar counts days the way Chinese time limits do: civil dates,
// working days (工作日) with holidays and make-up working days (调休), and the
// deadlines that follow from them.
//
// It is pure: the date comes in, nothing reads a clock, a store or the
// network. It does not know which limit applies to a matter (rule packs do), or
// when a matter's clock started, pauses or is extended (the service that owns
// the matter does).
//
// What it knows is data that ships with the program. The State Council announces
// one year at a time, so a deadline that reaches past the announced years is
// counted with weekends only and marked provisional (暂定). Every deadline carries
// the version of the data it was counted with, so that a later notice never
// changes a past judgement.
package calendar
