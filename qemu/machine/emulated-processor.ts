/**
 * What QEMU's own emulation is asked for (`-cpu`): a PC's processor, with a source of random numbers, and without CMPXCHG16B. Linux
 * uses that for each piece of memory that it hands out; QEMU 7.2 leaves a pointer in the flags behind it, and when an interrupt
 * comes just then, the guest ends in a double fault. That is rare, and then it is in every guest.
 */
export const emulatedProcessor = 'qemu64,+rdrand,-cx16';
