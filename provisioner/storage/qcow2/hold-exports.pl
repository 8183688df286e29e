# Keeps copies of what a process has open of /dev/fuse. Linux fails whatever is read from or written to such a file system as soon
# as the last copy is closed; while there is one it waits. Each line on standard input is the number of a process, or 0: then
# nothing is kept. The answer is one line: "held N", or "refused" with the reason. perl is in every Debian system, and can make
# the two system calls that this takes, which have the same number on all of Debian's machines.
use strict;
use warnings;
use POSIX ();

my $PIDFD_OPEN = 434;  # pidfd_open(2)
my $PIDFD_GETFD = 438; # pidfd_getfd(2)

$| = 1;
my @held;

sub take {
	my ($number) = @_;
	my $process = syscall($PIDFD_OPEN, $number + 0, 0);
	die "process $number: $!\n" if $process < 0;
	my @taken;
	opendir(my $folder, "/proc/$number/fd") or die "process $number: $!\n";
	for my $name (grep { /^\d+$/ } readdir $folder) {
		my $what = readlink("/proc/$number/fd/$name");
		next unless defined $what && $what eq '/dev/fuse';
		my $copy = syscall($PIDFD_GETFD, $process, $name + 0, 0);
		if ($copy < 0) {
			my $why = "$!";
			POSIX::close($_) for @taken, $process;
			die "process $number: $why\n";
		}
		push @taken, $copy;
	}
	POSIX::close($process);
	return @taken;
}

while (defined(my $line = <STDIN>)) {
	next unless $line =~ /^(\d+)$/;
	my $number = $1;
	my @taken = eval { $number ? take($number) : () };
	if ($@) {
		print "refused $@";
		next;
	}
	# The new ones first: there is no moment without.
	POSIX::close($_) for @held;
	@held = @taken;
	print 'held ', scalar(@held), "\n";
}
