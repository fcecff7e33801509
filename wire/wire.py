import os,re
import sys; os.chdir(sys.argv[1])
def sub(p,a,b,n=1):
    s=open(p).read(); assert a in s,(p,a); open(p,'w').write(s.replace(a,b,n))
C='driver/chardev.c'
s=open(C).read()
# on_span
a=s.index('static long on_span('); b=s.index('/* --- the descriptor ---')
s=s[:a]+'''/* @flag: one that the command knows, or 0; with it, @flagged is the step. */
static long on_span(struct chardev_file *file, void __user *argument, span_step_t *step, u32 flag,
		    span_step_t *flagged)
{
	struct fsdev_span span;
	int rc;

	rc = get_span(&span, argument, flag) ?: check_span(file->chardev, &span);
	if (rc)
		return rc;
	rc = walk_span(file->chardev, &span, span.flags ? flagged : step);
	return put_argument(argument, &span, sizeof(span)) ?: rc;
}

/* What was lost is the holder's affair. */
static int clear_unheld(struct fsdev *device, u64 offset, u64 len, u64 *done)
{
	return owner_exists(device) ? -EBUSY : failure_repair(device, offset, len, done);
}

static long clear(struct chardev_file *file, void __user *argument)
{
	return on_span(file, argument, is_owner(file) ? failure_repair : clear_unheld,
		       FSDEV_CLEAR_HELD, failure_repair);
}

static int add_bad_step(struct fsdev *device, u64 offset, u64 len, u64 *done)
{
	int rc = failure_add_known(device, offset, len);

	*done = rc ? 0 : len;
	return rc;
}

static long add_bad(struct chardev_file *file, void __user *argument)
{
	return on_span(file, argument, add_bad_step, 0, NULL);
}

static long inject(struct chardev_file *file, void __user *argument)
{
	return on_span(file, argument, failure_inject, 0, NULL);
}

static long scrub(struct chardev_file *file, void __user *argument)
{
	return on_span(file, argument, failure_scrub, 0, NULL);
}

'''+s[b:]
s=s.replace('''#define BY_ADMIN 1u
#define BY_WRITER 2u
''','''#define BY_ADMIN 1u
#define BY_OWNER 2u	/* also; together with BY_ADMIN */
#define BY_WRITER 4u
''')
s=s.replace('''	{ FSDEV_IOC_INJECT, BY_ADMIN | BY_WRITER, inject },
''','''	{ FSDEV_IOC_CLEAR, BY_ADMIN | BY_OWNER | BY_WRITER, clear },
	{ FSDEV_IOC_ADD_BAD, BY_ADMIN | BY_WRITER, add_bad },
	{ FSDEV_IOC_INJECT, BY_ADMIN | BY_WRITER, inject },
	{ FSDEV_IOC_SCRUB, BY_ADMIN | BY_WRITER, scrub },
''')
s=s.replace('''	const struct command *command = find_command(number);

	if (!command)
		return -ENOTTY;
	if ((command->needs & BY_ADMIN) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if ((command->needs & BY_WRITER)''','''	const struct command *command = find_command(number);
	struct chardev_file *file = handle->private_data;

	if (!command)
		return -ENOTTY;
	if ((command->needs & BY_ADMIN) && !((command->needs & BY_OWNER) && is_owner(file)) &&
	    !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if ((command->needs & BY_WRITER)''')
s=s.replace('	return command->run(handle->private_data, (void __user *)argument);','	return command->run(file, (void __user *)argument);')
s=s.replace('''/* --- spans of the device ---''','''static bool is_owner(const struct chardev_file *file)
{
	return READ_ONCE(file->owned);
}

/* --- spans of the device ---''')
s=s.replace('		file->owned = fsdev_dax(device);\n','		WRITE_ONCE(file->owned, fsdev_dax(device));\n')
s=s.replace('''	info->events = event_last''','''	info->bad_bytes = badrange_bad(device->bad);
	info->bad_ranges = count_bad(device);
	info->events = event_last''')
s=s.replace('''	info->commands = COMPAT_CAN_INJECT ? FSDEV_CAN_INJECT : 0;
''','''	info->commands = FSDEV_CAN_CLEAR | FSDEV_CAN_ADD_BAD | FSDEV_CAN_INJECT | FSDEV_CAN_SCRUB;
''')
s=s.replace('''static void fill_info(''','''static u32 count_bad(const struct fsdev *device)
{
	struct badrange_piece piece;
	u64 at = 0;
	u32 n = 0;

	while (badrange_next(device->bad, &at, &piece))
		n++;
	return n;
}

static void fill_info(''')
a=s.index('/* Nothing keeps account of bad memory yet. */'); b=s.index('static long tell_bad(')
s=s[:a]+'''static u32 fill_bad(const struct fsdev *device, u64 *from, u32 count, struct fsdev_bad_range *range)
{
	struct badrange_piece piece;
	u32 n;

	for (n = 0; n < count && badrange_next(device->bad, from, &piece); n++) {
		range[n].offset = piece.offset;
		range[n].len = piece.len;
	}
	return n;
}

'''+s[b:]
open(C,'w').write(s)
