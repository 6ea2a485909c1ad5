#include "textflag.h"

// func clone(call, a1, a2 uintptr) (pid, errno uintptr)
//
// The child comes back first and runs over the stack; the return address is in
// a register here, which the parent keeps.
TEXT ·clone(SB),NOSPLIT,$0-40
	MOVD	call+0(FP), R8
	MOVD	a1+8(FP), R0
	MOVD	a2+16(FP), R1
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	MOVD	ZR, R5
	SVC
	CMN	$4095, R0
	BCC	made
	NEG	R0, R0
	MOVD	ZR, pid+24(FP)
	MOVD	R0, errno+32(FP)
	RET
made:
	MOVD	R0, pid+24(FP)
	MOVD	ZR, errno+32(FP)
	RET
