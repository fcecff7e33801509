import os,sys
os.chdir(sys.argv[1])
def sub(p,a,b,n=1):
    s=open(p).read(); assert a in s,(p,a); open(p,'w').write(s.replace(a,b,n))
P='tests/vm/fsdev-node.c'
s=open(P).read()
a=s.index('/* try NODE r|w own|watch|inject'); b=s.index('/* layout: where everything lies')
s=s[:a]+'''static unsigned int command_of(const char *name)
{
	static const struct {
		const char *name;
		unsigned int number;
	} spans[] = {
		{ "clear", FSDEV_IOC_CLEAR },
		{ "add-bad", FSDEV_IOC_ADD_BAD },
		{ "inject", FSDEV_IOC_INJECT },
		{ "scrub", FSDEV_IOC_SCRUB },
		{ "own", FSDEV_IOC_OWN },
		{ "watch", FSDEV_IOC_WATCH },
	};

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		if (!strcmp(name, spans[i].name))
			return spans[i].number;
	errx(2, "no such command: %s", name);
}

/* try NODE r|w own|watch|clear|...: how does the kernel answer? */
static int cmd_try(char **argv)
{
	int fd = open(argv[0], *argv[1] == 'w' ? O_RDWR : O_RDONLY);
	struct fsdev_listen listen = { .queue = 0 };
	struct fsdev_span span = { .len = 4096 };
	unsigned int number = command_of(argv[2]);

	if (fd < 0)
		printf("open: %s\\n", outcome(fd));
	else if (_IOC_NR(number) < 0x20)
		printf("%s\\n", outcome(ioctl(fd, number, &listen)));
	else
		printf("%s\\n", outcome(ioctl(fd, number, &span)));
	return 0;
}

static int do_span(char **argv, bool own)
{
	struct fsdev_span span = {
		.offset = number(argv[2]), .len = number(argv[3]), .flags = number(argv[4])
	};
	struct fsdev_listen listen = { .queue = 0 };
	int fd = open_node(argv[0], O_RDWR), rc;

	if (own && ioctl(fd, FSDEV_IOC_OWN, &listen))
		err(1, "FSDEV_IOC_OWN");
	rc = ioctl(fd, command_of(argv[1]), &span);
	printf("%s, %llu bytes\\n", outcome(rc), span.done);
	return rc != 0;
}

/* span NODE clear|add-bad|inject|scrub OFFSET LEN FLAGS */
static int cmd_span(char **argv)
{
	return do_span(argv, false);
}

/* own-span NODE clear|add-bad|inject|scrub OFFSET LEN FLAGS: as the owner */
static int cmd_own_span(char **argv)
{
	return do_span(argv, true);
}

/* inject NODE OFFSET LEN */
static int cmd_inject(char **argv)
{
	char *args[] = { argv[0], "inject", argv[1], argv[2], "0" };

	return do_span(args, false);
}

'''+s[b:]
s=s.replace('	{ "try", "NODE r|w own|watch|inject", 3, cmd_try },\n','	{ "try", "NODE r|w own|watch|clear|...", 3, cmd_try },\n	{ "span", "NODE clear|add-bad|inject|scrub OFFSET LEN FLAGS", 5, cmd_span },\n	{ "own-span", "NODE clear|add-bad|inject|scrub OFFSET LEN FLAGS", 5, cmd_own_span },\n')
open(P,'w').write(s)
T='tests/vm/chardev.sh'
sub(T,'''	is "$who: own, which''','''	is "$who: clear" EPERM "$(as $who fsdev-node try $node w clear)"
	is "$who: add bad" EPERM "$(as $who fsdev-node try $node w add-bad)"
	is "$who: scrub" EPERM "$(as $who fsdev-node try $node w scrub)"
	is "$who: own, which''')
sub(T,'''# --- who owns it ---''','''# --- bad memory -------------------------------------------------------------------------------------------------------

listen ras watch 0 8
is "nothing is bad" "" "$(fsdev-node bad $node 4)"
is "five pages become bad" "ok, 20480 bytes" "$(fsdev-node span $node add-bad $((256 * MIB - 8192)) 20480 0)"
fsdev-node span $node add-bad 4096 4096 0 >/dev/null
fsdev-node32 span $node inject $((600 * MIB)) 4096 0 >/dev/null
wanted="0x1000 0x1000
0xfffe000 0x5000
0x25800000 0x1000"
is "they are listed" "$wanted" "$(fsdev-node bad $node 4)"
is "one at a time" "$wanted" "$(fsdev-node bad $node 1)"
is "to a 32-bit program" "$wanted" "$(fsdev-node32 bad $node 2)"
is "information: bad" "bad=28672/3" "$(info bad)"
is "scrubbing finds no more" "ok, 1048576 bytes" "$(fsdev-node span $node scrub 0 1048576 0)"
is "clearing without holding" "ok, 4096 bytes" "$(fsdev-node span $node clear 0 16384 0)"
is "clearing in part, as root without a capability that owns" "ok, 8192 bytes" \\
	"$(as powerless fsdev-node own-span $node clear $((256 * MIB - 4096)) 8192 0)"
is "what is left" "0xfffe000 0x1000
0x10001000 0x2000
0x25800000 0x1000" "$(fsdev-node bad $node 4)"
listen owner own 0 8
is "clearing what somebody else holds" "EBUSY, 0 bytes" "$(fsdev-node span $node clear 0 $size 0)"
is "... meaning it" "ok, 16384 bytes" "$(fsdev-node span $node clear 0 $size 1)"
bye owner
is "nothing is bad again" "bad=0/0" "$(info bad)"
ok "the watcher has heard of the last" wait_line ras " cleared 0x25800000 0x1000 0\\$"
is "what it has heard" "failure 0xfffe000 0x5000 0x4
failure 0x1000 0x1000 0x4
failure 0x25800000 0x1000 0x2
cleared 0x1000 0x1000 0
cleared 0xffff000 0x1000 0
cleared 0x10000000 0x1000 0
cleared 0xfffe000 0x1000 0
cleared 0x10001000 0x1000 0
cleared 0x10002000 0x1000 0
cleared 0x25800000 0x1000 0" "$(said ras | cut -d' ' -f2-)"
bye ras
give $dev none
give $dev fsdev

# --- who owns it ---''')
sub(T,'''ok "a file system works after it"''','''# what was bad is not any more
give $dev none
give $dev fsdev
ok "a file system works after it"''')
