#include "textflag.h"

// func clone(call, a1, a2 uintptr) (pid, errno uintptr)
//
// The child comes back first and runs over the stack, so the return address
// stays in a register until the parent comes back too.
TEXT ·clone(SB),NOSPLIT|NOFRAME,$0-40
	MOVQ	call+0(FP), AX
	MOVQ	a1+8(FP), DI
	MOVQ	a2+16(FP), SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	XORL	R9, R9
	POPQ	R12
	SYSCALL
	PUSHQ	R12
	CMPQ	AX, $0xfffffffffffff001
	JCS	made
	NEGQ	AX
	MOVQ	$0, pid+24(FP)
	MOVQ	AX, errno+32(FP)
	RET
made:
	MOVQ	AX, pid+24(FP)
	MOVQ	$0, errno+32(FP)
	RET
