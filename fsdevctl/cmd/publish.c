// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl publish: the files of a folder as an EROFS image in memory that hosts share, as its next
 * generation. image.h has the layout, and why a host may die at any point.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "lib/attempt.h"
#include "lib/content.h"
#include "lib/form.h"
#include "lib/interrupt.h"
#include "lib/journal.h"
#include "lib/page.h"
#include "lib/report.h"
#include "lib/shared.h"
#include "lib/sign.h"
#include "lib/size.h"
#include "lib/sysfs.h"
#include "lib/program.h"
#include "lib/publisher.h"
#include "lib/tree.h"
#include "lib/users.h"

#define EROFS_SUPER 1024
#define EROFS_MAGIC 0xe0f5e1e2u

static bool force, dry_run;
static const char *sign_key;

static const struct opt opts[] = {
	{ "force", OPT_FLAG, NULL, &force, "over another file system, or where another host's publishing was cut off" },
	{ "sign", OPT_TEXT, "KEY", &sign_key, "sign it by openssl with this private key" },
	{ "dry-run", OPT_FLAG, NULL, &dry_run, "say what would be done, change nothing" },
	REPORT_OPT,
	{ NULL }
};

/* Of this attempt; of no other one's on any host. */
static uint64_t token;

static void who_we_are(struct image_claim *claim)
{
	memset(claim, 0, sizeof(*claim));
	while (!token && getrandom(&token, sizeof(token), 0) < 0 && errno == EINTR)
		;
	claim->token = token;
	claim->pid = getpid();
	sysfs_read(claim->boot, sizeof(claim->boot), "/proc/sys/kernel/random/boot_id");
	sysfs_read(claim->host, sizeof(claim->host), "/proc/sys/kernel/hostname");
}

static uint64_t milliseconds(void)
{
	struct timespec now;

	/* goes on while the host sleeps */
	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

/* The claim's token, 0 for none. */
static int read_token(struct shared *shared, uint64_t *seen)
{
	struct image_claim claim;
	int rc = shared_read_page(shared, IMAGE_CLAIM);

	*seen = 0;
	if (!rc && image_claim_decode(&claim, shared->page))
		*seen = claim.token;
	return rc;
}

/* An image that is being written. */
struct writing {
	struct shared *shared;
	uint64_t generation;
};

static bool keeps_claim(void *arg)
{
	uint64_t seen;

	return !interrupt_seen() && (read_token(arg, &seen) || seen == token);
}

/* An area that has become another host's is not written any more, also not by the page cache. */
static bool keeps_writing(void *arg)
{
	const struct writing *writing = arg;

	if (keeps_claim(writing->shared))
		return true;
	shared_stop(writing->shared->device, writing->generation);
	return false;
}

/* By the protocol of lib/publisher.c; the claim of @dead is no one's. */
static enum outcome take_claim(struct shared *shared, uint64_t dead)
{
	struct image_claim own;
	struct publisher publisher;
	uint64_t seen = 0, looked = 0;
	int rc = 0;

	who_we_are(&own);
	publisher_start(&publisher, own.token, dead);
	while (!rc && !interrupt_seen() && publisher.step != PUBLISHER_HELD &&
	       publisher.step != PUBLISHER_REFUSED) {
		if (publisher.step == PUBLISHER_WRITE) {
			image_claim_encode(&own, shared->page);
			if (publisher_late(&publisher, looked, milliseconds()))
				continue;
			rc = shared_write_page(shared, IMAGE_CLAIM);
		} else if (publisher.step == PUBLISHER_WAIT) {
			usleep(PUBLISHER_SETTLE * 1000);
		} else {
			looked = milliseconds();
			rc = read_token(shared, &seen);
		}
		publisher_done(&publisher, seen);
	}
	/* a signal ends usleep(), so that a claim may not have stood for long enough */
	if (interrupt_seen())
		return say(FAILED, "%s: nothing was published: interrupted", shared->device->name);
	if (rc)
		return say(FAILED, "%s: its claim cannot be read or written: %s", shared->device->name,
			   strerror(-rc));
	return publisher.step == PUBLISHER_HELD ? DONE :
		say(IN_USE, "%s: another host began to publish at the same time", shared->device->name);
}

/* No other process is publishing here; one of ours that died does not count, and is @dead. */
static enum outcome look_at_claim(struct shared *shared, uint64_t *dead)
{
	const char *name = shared->device->name;
	struct image_claim other;
	int rc = shared_read_page(shared, IMAGE_CLAIM);

	*dead = 0;
	if (rc)
		return say(FAILED, "%s: its claim cannot be read or written: %s", name, strerror(-rc));
	if (!image_claim_decode(&other, shared->page))
		return DONE;
	*dead = other.token;
	if (attempt_died(shared->device, other.token)) {
		note("%s: publishing was cut off here before; what it left is overwritten", name);
		return DONE;
	}
	if (force) {
		note("%s: --force: host %s (process %llu) is taken for dead", name, other.host,
		     (unsigned long long)other.pid);
		return DONE;
	}
	return say(IN_USE, "%s: host %s (process %llu) is publishing; if it is dead, give --force",
		   name, other.host, (unsigned long long)other.pid);
}

/*
 * What is made on the disk later than an image changes the first page, which is a header or zeros; what
 * was there before it may have left traces elsewhere.
 */
static bool first_page_kept(struct shared *shared)
{
	if (shared->good[0] || shared->unreadable[0])
		return true;
	if (shared_read_page(shared, 0))
		return false;
	for (unsigned int i = 0; i < IMAGE_PAGE; i++)
		if (shared->page[i])
			return false;
	return true;
}

/* Something else than images is there, or that cannot be known. */
static enum outcome look_for_others(struct shared *shared)
{
	const struct device *device = shared->device;
	char found[64];
	int rc;

	if (force || (shared_newest(shared) && first_page_kept(shared)))
		return DONE;
	rc = content_look_beside(device, found, sizeof(found));
	/* a page that cannot be read may be a header, and the other one is whole */
	if (rc && !shared_newest(shared))
		return say(FAILED, "/dev/%s: cannot be read (%s), so what would be lost is unknown; 'fsdevctl repair %s' makes bad pages good, --force goes on",
			   device->disk, strerror(-rc), device->name);
	if (!rc && found[0])
		return say(FAILED, "/dev/%s: there is %s on it already; --force overwrites it",
			   device->disk, found);
	return DONE;
}

/* A header that cannot be read may be of the newest generation, which other hosts have attached. */
static enum outcome look_at_unreadable(const struct shared *shared)
{
	const char *name = shared->device->name;

	for (unsigned int slot = 0; slot < 2; slot++) {
		if (!shared->unreadable[slot])
			continue;
		if (!force)
			return say(FAILED, "%s: header %u cannot be read (%s), and may be of the newest generation: --force writes it anew, over the image that it was of",
				   name, slot, strerror(-shared->unreadable[slot]));
		note("%s: header %u cannot be read, and is written anew", name, slot);
	}
	return DONE;
}

/* Its slot is that of the older image; or of a header that cannot be read, which writing repairs. */
static uint64_t next_generation(const struct shared *shared)
{
	uint64_t next = shared->last + 1;

	for (unsigned int slot = 0; slot < 2; slot++) {
		if (!shared->unreadable[slot])
			continue;
		/* that header may have had the next number */
		next += 2;
		next += next % 2 != slot;
	}
	return next;
}

/*
 * The generation that a user has, if the new one would be written over it; else 0. Images of another
 * layout may lie anywhere. The device of the same generation is of a process that died.
 */
static uint64_t overwritten_by(const struct shared *shared, const struct user *user,
			       uint64_t generation)
{
	bool made = user->kind == USER_HOLDER;
	uint64_t has = shared_generation_of(shared->device, made ? user->what : user->where);

	if (made && has == generation)
		return 0;
	return shared->other_version || shared->other_size || has % 2 == generation % 2 ? has : 0;
}

/* It is the device-mapper device of a generation, or uses one. */
static bool is_generation(const struct device *device, const struct user *user)
{
	return shared_generation_of(device, user->where) ||
		(user->kind == USER_HOLDER && shared_generation_of(device, user->what));
}

static enum outcome look_at_users(const struct shared *shared, uint64_t generation)
{
	const struct device *device = shared->device;
	enum outcome outcome = DONE;
	struct users users;
	char text[512];

	if (users_load(device, &users))
		return say(FAILED, "%s: its users cannot be read", device->name);
	for (unsigned int i = 0; i < users.count && outcome == DONE; i++) {
		const struct user *user = &users.user[i];
		uint64_t has = overwritten_by(shared, user, generation);

		if (has) {
			outcome = say(IN_USE, "%s: generation %llu, which the new one would overwrite, is still attached here: attach the newest one first",
				      device->name, (unsigned long long)has);
			continue;
		}
		/* what is attached is made of the other slot; any other volume may lie anywhere */
		if (user->kind == USER_STALE || is_generation(device, user))
			continue;
		user_text(user, text, sizeof(text));
		outcome = say(IN_USE, "%s: in use: %s", device->name, text);
	}
	users_free(&users);
	return outcome;
}

/* How long the image is, as its superblock says. */
static int image_len(struct shared *shared, uint64_t offset, uint64_t *len)
{
	uint32_t magic, blocks;
	int rc = shared_read_page(shared, offset);

	if (rc)
		return rc;
	memcpy(&magic, shared->page + EROFS_SUPER, 4);
	memcpy(&blocks, shared->page + EROFS_SUPER + 36, 4);
	if (le32toh(magic) != EROFS_MAGIC || 1ull << shared->page[EROFS_SUPER + 12] != page_size())
		return -EIO;
	*len = le32toh(blocks) * page_size();
	return 0;
}

/* -EILSEQ if the files that the memory has are not those of the folder. */
static int compare_image(struct shared *shared, const char *path, const char *dir)
{
	char apart[] = STATE_DIR "/publish.XXXXXX", differs[512];
	int rc;

	if ((mkdir(STATE_DIR, 0755) && errno != EEXIST) || !mkdtemp(apart))
		return -errno;
	if (mount(path, apart, "erofs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) {
		rc = -errno;
		note("%s: does not mount: %s", path, strerror(errno));
	} else {
		rc = tree_compare(dir, apart, keeps_claim, shared, differs, sizeof(differs));
		if (rc > 0)
			note("%s%s: differs from what the memory has", dir, differs);
		else if (rc && rc != -EINTR)
			note("%s%s: cannot be compared: %s", dir, differs, strerror(-rc));
		if (rc > 0)
			rc = -EILSEQ;
		else if (rc == -EINTR && !interrupt_seen())
			rc = -ECANCELED;
		umount(apart);
	}
	rmdir(apart);
	return rc;
}

/*
 * The image and its checksum. That is of what the memory has, so the memory is compared with the
 * folder after that: what changes later is not what the checksum says.
 */
static int fill_image(struct shared *shared, struct image *image, const char *path, const char *dir)
{
	const char *words[FORM_WORDS];
	unsigned int n = form_words(words, "erofs", shared->device->size);
	struct writing writing = { shared, image->generation };
	int rc;

	words[n++] = path;
	words[n++] = dir;
	words[n] = NULL;
	/* a host that was taken for dead wakes up, and does not go on */
	rc = program_run_while(words, keeps_writing, &writing);
	if (!rc)
		rc = image_len(shared, image->offset, &image->len);
	if (!rc && image->len > image_area_size(shared->device->size))
		rc = -ENOSPC;
	if (!rc)
		rc = shared_sum(shared, image->offset, image->len, image->sum);
	return rc ? rc : compare_image(shared, path, dir);
}

static int write_image(struct shared *shared, struct image *image, const char *dir)
{
	const struct device *device = shared->device;
	uint64_t generation = image->generation;
	char name[96], path[128];
	int rc, left;

	shared_map_name(device, generation, name, sizeof(name));
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	/* of a process that died while writing; in use, if what writes the image has outlived it */
	rc = shared_map_there(device, generation) ? shared_unmap(device, generation) : 0;
	if (!rc)
		rc = shared_map_area(device, image);
	if (rc)
		return rc;
	rc = fill_image(shared, image, path, dir);
	left = shared_unmap(device, generation);
	return rc ? rc : left;
}

/* Writes shared->page, a header or an empty one, if the claim is still ours. */
static int write_claimed(struct shared *shared, uint64_t offset)
{
	uint8_t page[IMAGE_PAGE];
	uint64_t seen, looked;
	int rc;

	memcpy(page, shared->page, sizeof(page));
	looked = milliseconds();
	rc = read_token(shared, &seen);
	memcpy(shared->page, page, sizeof(page));
	if (rc)
		return rc;
	if (seen != token || !publisher_in_time(looked, milliseconds()))
		return -ECANCELED;
	return shared_write_page(shared, offset);
}

/* Not that of another host. */
static void release_claim(struct shared *shared)
{
	int rc;

	memset(shared->page, 0, IMAGE_PAGE);
	rc = write_claimed(shared, IMAGE_CLAIM);
	if (rc && rc != -ECANCELED)
		note("%s: its claim cannot be given back, and other hosts need --force: %s",
		     shared->device->name, strerror(-rc));
}

static int write_header(struct shared *shared, struct image *image)
{
	uint8_t signature[IMAGE_SIGNATURE_MAX];
	size_t len = sizeof(signature);
	int rc = 0;

	image->time = time(NULL);
	image_encode(image, shared->page);
	if (sign_key)
		rc = sign_make(sign_key, shared->page, IMAGE_SIGNED, signature, &len);
	if (sign_key && !rc)
		image_sign(shared->page, signature, len);
	return rc ? rc : write_claimed(shared, image->generation % 2 * IMAGE_PAGE);
}

/*
 * The steps, in the order that keeps the other slot whole. The claim is held. What is no header of ours
 * in the other slot is wiped: the images of another layout or device are lost, wherever they lie, and no
 * program is to find what was on the disk before.
 */
static int write_all(struct shared *shared, struct image *image, const char *dir)
{
	unsigned int slot = image->generation % 2;
	int rc = 0;

	memset(shared->page, 0, IMAGE_PAGE);
	if (!shared->good[!slot])
		rc = write_claimed(shared, !slot * IMAGE_PAGE);
	if (!rc)
		rc = write_claimed(shared, slot * IMAGE_PAGE);
	if (!rc)
		rc = write_image(shared, image, dir);
	if (!rc)
		rc = interrupt_seen() ? -EINTR : write_header(shared, image);
	return rc && interrupt_seen() ? -EINTR : rc;
}

static const char *reason(int rc)
{
	if (rc == -ENOENT)
		return "mkfs.erofs, dmsetup or openssl is not installed: apt install erofs-utils dmsetup openssl";
	if (rc == -ENOSPC)
		return "the folder is larger than the room there is, half of the device";
	if (rc == -EILSEQ)
		return "the folder was changed meanwhile, or the memory does not keep what is written to it";
	if (rc == -EINTR)
		return "interrupted";
	if (rc == -ECANCELED)
		return "another host took over, as this one seemed to be dead";
	return rc > 0 ? "the program above failed" : strerror(-rc);
}

/* What the next generation is, as the headers say now, and that it may be written. */
static enum outcome plan(struct shared *shared, struct image *image)
{
	enum outcome outcome = force ? DONE : shared_check_version(shared);

	if (outcome == DONE)
		outcome = look_at_unreadable(shared);
	if (outcome != DONE)
		return outcome;
	memset(image, 0, sizeof(*image));
	image->device_size = shared->device->size;
	image->generation = next_generation(shared);
	image->offset = image_area(image->generation, shared->device->size);
	outcome = look_at_users(shared, image->generation);
	return outcome == DONE ? look_for_others(shared) : outcome;
}

/* With the claim, or with part of an attempt to get it. */
static enum outcome publish_claimed(struct shared *shared, struct image *image, const char *dir,
				    uint64_t dead)
{
	const struct device *device = shared->device;
	enum outcome outcome = take_claim(shared, dead);
	char size[SIZE_TEXT];
	int rc;

	if (outcome != DONE)
		return outcome;
	/* another host may have published in between */
	rc = shared_read_headers(shared);
	if (!rc) {
		outcome = plan(shared, image);
		if (outcome != DONE)
			return outcome;
		rc = write_all(shared, image, dir);
	}
	if (rc)
		return say(FAILED, "%s: generation %llu was not published: %s; %s", device->name,
			   (unsigned long long)image->generation, reason(rc),
			   shared_newest(shared) ? "the one before is as it was" : "there is none");
	report_changed();
	report_number("bytes", image->len);
	say_result("%s: generation %llu, %s", device->name, (unsigned long long)image->generation,
		   size_text(size, image->len));
	return DONE;
}

static enum outcome publish(struct shared *shared, const char *dir)
{
	const struct device *device = shared->device;
	char size[SIZE_TEXT];
	enum outcome outcome;
	struct image_claim claim;
	struct image image;
	uint64_t dead = 0;
	int own;

	outcome = plan(shared, &image);
	if (outcome == DONE)
		outcome = look_at_claim(shared, &dead);
	if (outcome != DONE)
		return outcome;
	report_text("chardev", device->name);
	report_number("generation", image.generation);
	report_number("offset", image.offset);
	report_number("room", image_area_size(device->size));
	if (dry_run) {
		say_result("%s: generation %llu would be written at %#llx, where %s fit; nothing was changed",
			   device->name, (unsigned long long)image.generation,
			   (unsigned long long)image.offset,
			   size_text(size, image_area_size(device->size)));
		return DONE;
	}
	/* chooses the token */
	who_we_are(&claim);
	own = attempt_begin(device, token, dead);
	if (own == -EWOULDBLOCK)
		return say(IN_USE, "%s: another process of this host is publishing", device->name);
	if (own < 0)
		return say(FAILED, "%s: cannot write below " STATE_DIR ": %s", device->name, strerror(-own));
	/* other hosts would find the claim of a process that a signal has ended */
	interrupt_watch(0);
	outcome = publish_claimed(shared, &image, dir, dead);
	release_claim(shared);
	interrupt_default();
	close(own);
	return outcome;
}

static enum outcome run(int argc, char **argv)
{
	struct devices devices;
	struct device *device;
	struct shared shared;
	enum outcome outcome;
	struct stat st;

	(void)argc;
	if (sign_key && access(sign_key, R_OK))
		return say(BAD_INPUT, "--sign '%s': cannot be read: %s", sign_key, strerror(errno));
	if (stat(argv[0], &st) || !S_ISDIR(st.st_mode))
		return say(BAD_INPUT, "'%s' is no folder", argv[0]);
	outcome = cmd_one_writable(argv[1], &devices, &device);
	if (outcome == DONE && !image_area_size(device->size))
		outcome = say(FAILED, "%s: is too small for two images", device->name);
	if (outcome == DONE) {
		outcome = shared_open(&shared, device, true);
		if (outcome == DONE) {
			outcome = publish(&shared, argv[0]);
			shared_close(&shared);
		}
	}
	devices_free(&devices);
	return outcome;
}

const struct command cmd_publish = {
	.name = "publish", .args = "DIR DEV", .help = "write a folder as an image into shared memory",
	.opts = opts, .least = 2, .most = 2, .run = run,
};
