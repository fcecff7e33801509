// SPDX-License-Identifier: GPL-2.0
/*
 * Type records on type information that is made here: what is found, what makes a difference, and
 * what does not; and on damaged type information, which the sanitizers watch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <bpf/btf.h>

#include <cmocka.h>

#include "core/type_record.h"
#include "layout/array.h"

/* What a kernel of a test has that the usual one has not. */
static struct peculiarities {
	bool wider;		/* struct device has a word more at its end */
	bool moved;		/* device.ops lies a word further */
	bool other_pointer;	/* device.ops points to another structure */
	bool typedefs;		/* device.flags and device.ops are called by other names */
	bool declared;		/* the structure behind device.ops is only declared */
	bool narrow;		/* device.bits is a bit narrower */
	bool larger;		/* struct inner has a word more */
	bool inner_renamed;	/* a member of the anonymous structure has another name */
	bool extra_parameter;	/* of claim() */
	bool other_parameter;	/* of what claim()'s second parameter points to */
	bool returns_long;	/* claim() */
	bool twice;		/* there is another struct device behind the first */
} kernel;

static void add_claim(struct btf *btf, int word, int number, int device)
{
	int callback = btf__add_func_proto(btf, number), pointer, proto;

	/* parameters go to the type that was added last */
	btf__add_func_param(btf, "a", kernel.other_parameter ? word : number);
	callback = btf__add_ptr(btf, callback);
	pointer = btf__add_ptr(btf, device);
	proto = btf__add_func_proto(btf, kernel.returns_long ? word : number);
	btf__add_func_param(btf, "device", pointer);
	btf__add_func_param(btf, "callback", callback);
	if (kernel.extra_parameter)
		btf__add_func_param(btf, "more", word);
	btf__add_func(btf, "claim", BTF_FUNC_STATIC, proto);
}

/* @size is that of the result, which is for free(). */
static void *make(size_t *size)
{
	struct btf *btf = btf__new_empty();
	int word = btf__add_int(btf, "long unsigned int", 8, 0);
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	int ops, flags = word, inner, anonymous, device;
	const void *raw;
	__u32 bytes;
	void *copy;

	btf__add_enum(btf, "colour", 4);
	btf__add_enum_value(btf, "RED", 1);
	btf__add_array(btf, word, word, 3);
	inner = btf__add_struct(btf, "inner", kernel.larger ? 16 : 8);
	btf__add_field(btf, "one", word, 0, 0);
	anonymous = btf__add_struct(btf, NULL, 8);
	btf__add_field(btf, kernel.inner_renamed ? "low" : "first", number, 0, 0);
	btf__add_field(btf, "second", number, 32, 0);
	if (kernel.declared) {
		ops = btf__add_fwd(btf, "ops", BTF_FWD_STRUCT);
	} else {
		ops = btf__add_struct(btf, kernel.other_pointer ? "other" : "ops", 8);
		btf__add_field(btf, "call", word, 0, 0);
	}
	ops = btf__add_ptr(btf, btf__add_const(btf, ops));
	if (kernel.typedefs) {
		flags = btf__add_typedef(btf, "flags_t", flags);
		ops = btf__add_volatile(btf, btf__add_typedef(btf, "ops_t", ops));
	}
	device = btf__add_struct(btf, "device", kernel.wider ? 72 : 64);
	btf__add_field(btf, "flags", flags, 0, 0);
	btf__add_field(btf, "ops", ops, kernel.moved ? 128 : 64, 0);
	btf__add_field(btf, NULL, anonymous, 192, 0);
	btf__add_field(btf, "bits", number, 256, kernel.narrow ? 2 : 3);
	btf__add_field(btf, "inner", inner, 320, 0);
	if (kernel.twice) {
		btf__add_struct(btf, "device", 8);
		btf__add_field(btf, "flags", number, 32, 0);
	}
	add_claim(btf, word, number, device);
	raw = btf__raw_data(btf, &bytes);
	copy = malloc(bytes);
	memcpy(copy, raw, bytes);
	btf__free(btf);
	*size = bytes;
	return copy;
}

static const struct type_record asked[] = {
	{ "device", TYPE_RECORD_STRUCT },
	{ "device.flags", TYPE_RECORD_MEMBER },
	{ "device.ops", TYPE_RECORD_MEMBER },
	{ "device.second", TYPE_RECORD_MEMBER },
	{ "device.bits", TYPE_RECORD_MEMBER },
	{ "device.inner", TYPE_RECORD_MEMBER },
	{ "claim", TYPE_RECORD_FUNCTION },
	{ "device.gone", TYPE_RECORD_MEMBER },
	{ "gone", TYPE_RECORD_STRUCT },
	{ "device", TYPE_RECORD_FUNCTION },
	{ "claim", TYPE_RECORD_STRUCT },
	{ "colour", TYPE_RECORD_STRUCT },
	{ "dev", TYPE_RECORD_STRUCT },
};

#define NR ARRAY_SIZE(asked)
/* Of these the first exist. */
#define THERE 7

static void measure(struct type_record *records, bool *there)
{
	struct type_info info;
	size_t size;
	void *raw = make(&size);
	u32 ids[NR], *at;

	assert_int_equal(type_info_open(&info, raw, size), 0);
	at = malloc((info.nr + 1) * sizeof(*at));
	type_info_index(&info, at);
	memcpy(records, asked, sizeof(asked));
	type_record_find(&info, records, NR, ids);
	for (size_t i = 0; i < NR; i++)
		there[i] = type_record_measure(&info, ids[i], &records[i]);
	free(at);
	free(raw);
}

/* The records of the usual kernel that another one differs in, as bits; it becomes the usual one. */
static unsigned int differs(void)
{
	struct type_record usual[NR], other[NR];
	bool there[NR];
	unsigned int bits = 0;

	measure(other, there);
	kernel = (struct peculiarities){ 0 };
	measure(usual, there);
	for (size_t i = 0; i < NR; i++)
		if (usual[i].value != other[i].value || usual[i].hash != other[i].hash)
			bits |= 1u << i;
	return bits;
}

#define DEVICE 1u
#define FLAGS 2u
#define OPS 4u
#define SECOND 8u
#define BITS 16u
#define INNER 32u
#define CLAIM 64u

static void measures(void **state)
{
	struct type_record records[NR];
	bool there[NR];

	(void)state;
	kernel = (struct peculiarities){ 0 };
	measure(records, there);
	for (size_t i = 0; i < NR; i++)
		assert_int_equal(there[i], i < THERE);
	assert_int_equal(records[0].value, 64);
	assert_int_equal(records[1].value, 0);
	assert_int_equal(records[2].value, 64);
	assert_int_equal(records[3].value, 192 + 32);
	assert_int_equal(records[4].value, 256);
	assert_int_equal(records[5].value, 320);
	assert_int_equal(records[6].value, 2);
}

static void makes_a_difference(void **state)
{
	(void)state;
	kernel.wider = true;
	assert_int_equal(differs(), DEVICE);
	kernel.moved = true;
	assert_int_equal(differs(), OPS);
	kernel.other_pointer = true;
	assert_int_equal(differs(), OPS);
	kernel.narrow = true;
	assert_int_equal(differs(), BITS);
	kernel.larger = true;
	assert_int_equal(differs(), INNER);
	kernel.extra_parameter = true;
	assert_int_equal(differs(), CLAIM);
	kernel.other_parameter = true;
	assert_int_equal(differs(), CLAIM);
	kernel.returns_long = true;
	assert_int_equal(differs(), CLAIM);
}

static void makes_none(void **state)
{
	(void)state;
	assert_int_equal(differs(), 0);
	kernel.typedefs = true;
	assert_int_equal(differs(), 0);
	kernel.declared = true;
	assert_int_equal(differs(), 0);
	kernel.twice = true;
	assert_int_equal(differs(), 0);
	kernel.inner_renamed = true;
	assert_int_equal(differs(), 0);
}

static void use(const void *raw, size_t size)
{
	struct type_record records[NR];
	struct type_info info;
	u32 ids[NR], *at;

	if (type_info_open(&info, raw, size))
		return;
	at = malloc((info.nr + 1) * sizeof(*at));
	type_info_index(&info, at);
	memcpy(records, asked, sizeof(asked));
	type_record_find(&info, records, NR, ids);
	for (size_t i = 0; i < NR; i++)
		type_record_measure(&info, ids[i], &records[i]);
	free(at);
}

/* Each byte, in turn, and each length; in memory of just that size, for the sanitizer. */
static void damaged(void **state)
{
	size_t size;
	u8 *raw, *copy;

	(void)state;
	kernel = (struct peculiarities){ 0 };
	raw = make(&size);
	for (size_t i = 0; i < size; i++) {
		static const u8 values[] = { 0, 1, 4, 13, 0x7f, 0x80, 0xff };

		for (size_t n = 0; n < ARRAY_SIZE(values); n++) {
			u8 was = raw[i];

			raw[i] = values[n];
			use(raw, size);
			raw[i] = was;
		}
		copy = malloc(i);
		memcpy(copy, raw, i);
		use(copy, i);
		free(copy);
	}
	free(raw);
}

static void refuses(void **state)
{
	struct type_info info;
	size_t size;
	u8 *raw = make(&size);
	struct btf_header *header = (struct btf_header *)raw;
	struct btf_type *first = (struct btf_type *)(raw + header->hdr_len + header->type_off);

	(void)state;
	assert_int_equal(type_info_open(&info, raw, size - 1), -EINVAL);
	first->info = 0x7f000000;
	assert_int_equal(type_info_open(&info, raw, size), -EINVAL);
	first->info = BTF_KIND_INT << 24;
	assert_int_equal(type_info_open(&info, raw, size), 0);
	raw[size - 1] = 'x';
	assert_int_equal(type_info_open(&info, raw, size), -EINVAL);
	free(raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measures),
		cmocka_unit_test(makes_a_difference),
		cmocka_unit_test(makes_none),
		cmocka_unit_test(damaged),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
