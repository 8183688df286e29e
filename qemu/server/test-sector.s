# A boot sector that does what tests of the server ask for over its serial port; test-sector.ts holds its bytes:
#   as --32 test-sector.s -o sector.o && ld -m elf_i386 -Ttext 0x7c00 --oformat binary sector.o -o sector
#   base64 -w 110 sector
# It also runs as a PXE boot file and as an El Torito image, which firmware puts at 0x7c00 as well.
	.code16
	.globl _start
_start:	jmp main
label:	.byte '?'			# test-sector.ts puts another one here
stubborn: .byte 0
main:	cli
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov $0x7c00, %sp
	movw $nmi, 8			# vector 2
	movw %ax, 10
	mov $0x602, %dx			# PM1_EN: the power button
	mov $0x100, %ax
	out %ax, %dx
	mov $hello, %si
	call print
	mov label, %al
	call put
	mov $crlf, %si
	call print
loop:	mov $0x600, %dx			# PM1_STS
	in %dx, %ax
	test $1, %ah
	jnz button
	mov $0x3fd, %dx
	in %dx, %al
	test $1, %al
	jz loop
	mov $0x3f8, %dx
	in %dx, %al
	cmp $'p', %al
	je off
	cmp $'r', %al
	je reset
	cmp $'c', %al
	je crash
	cmp $'s', %al
	je deaf
	cmp $'f', %al
	je flood
	cmp $'h', %al
	je halt
	cmp $'w', %al
	je dog
	call put
	jmp loop
button:	mov $0x100, %ax
	out %ax, %dx
	mov $pressed, %si
	call print
	cmpb $0, stubborn
	jne loop
off:	mov $0x604, %dx			# PM1_CNT: SLP_EN with the type of S5
	mov $0x2000, %ax
	out %ax, %dx
halt:	hlt
	jmp halt
reset:	mov $0xcf9, %dx
	mov $6, %al
	out %al, %dx
	jmp halt
crash:	mov $0x505, %dx			# pvpanic
	mov $1, %al
	out %al, %dx
	jmp loop
flood:	mov $'f', %al
	call put
	jmp flood
deaf:	incb stubborn
	jmp loop
dog:	mov $0xb102, %ax		# PCI BIOS: where is 8086:25ab (i6300esb)
	mov $0x25ab, %cx
	mov $0x8086, %dx
	xor %si, %si
	int $0x1a
	mov $0xb10a, %ax		# its registers
	mov $0x10, %di
	int $0x1a
	xor %edi, %edi
	mov %ecx, %edi
	push %bx
	lgdt gdtr			# a flat %fs, for the registers; the BIOS takes it away
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	mov $8, %bx
	mov %bx, %fs
	and $0xfe, %al
	mov %eax, %cr0
	call short			# both its timers: 50 ms
	add $4, %edi
	call short
	pop %bx
	mov $0xb10b, %ax		# let it run
	mov $0x68, %di
	mov $2, %cl
	int $0x1a
	cli
	jmp loop
short:	mov $0x80, %al
	call unlock
	mov $0x86, %al
	call unlock
	movl $50, %fs:(%edi)
	ret
unlock:	mov %edi, %ebx
	and $-16, %ebx
	movb %al, %fs:12(%ebx)
	ret
nmi:	push %ax
	push %dx
	push %si
	mov $nmitxt, %si
	call print
	pop %si
	pop %dx
	pop %ax
	iret
print:	lodsb
	test %al, %al
	jz done
	call put
	jmp print
put:	mov %al, %ah
1:	mov $0x3fd, %dx
	in %dx, %al
	test $0x20, %al
	jz 1b
	mov $0x3f8, %dx
	mov %ah, %al
	out %al, %dx
done:	ret
hello:	.asciz "\r\nbooted from "
pressed: .asciz "button\r\n"
nmitxt:	.ascii "nmi"
crlf:	.asciz "\r\n"
	.balign 4
gdt:	.quad 0
	.quad 0x00cf92000000ffff
gdtr:	.word 15
	.long gdt
	.org 510
	.word 0xaa55
