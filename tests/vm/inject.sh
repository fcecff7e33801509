#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# lab: --cpus 1 --soft-reserved 1G --append log_buf_len=4M --append rcupdate.rcu_expedited=1
# Every call of probe that can fail does so once, on a dynamic device of two ranges and on a static one. Each time nothing
# is left, and the next bind works. Which calls there are is counted while the device binds, so that a new one is found;
# a function that fsdev.ko imports and that is in neither list below is a failed point.
# shellcheck source=tests/vm/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/vm/tap.sh
. "$(dirname -- "$0")/tap.sh"
# shellcheck source=tests/vm/kernel-lib.sh
. "$(dirname -- "$0")/kernel-lib.sh"

# How often each call fails again to find a leak, and how many objects of one kind, or pages, more are one: not all, as others
# give some back meanwhile.
rounds=8 leak=6

# What fsdev.ko imports besides the steps: it cannot fail, is not called by probe, or fails only for one call of a driver
# that has asked for too much (dax_driver_register: the module does not load).
cannot_fail='
	__SCT__ __SCK__ __x86_ __stack_chk_fail __ref_stack_chk_guard __ubsan __fentry__ __tracepoint __traceiter
	__rcu_read_ _dev_ __dynamic_ _printk ___ratelimit snprintf scnprintf sprintf mem str __mem copy_mc_to_kernel _copy_
	fortify_panic __fortify_panic dax_remap_file_range_prep dax_iomap_rw dax_file_unshare dax_zero_range for_each_kernel_tracepoint ftrace_ register_ftrace_function tracepoint_ BUG_func pv_ops
	__trace_trigger __cpu_online_mask __copy_overflow device_driver_attach __preempt_count cpu_number pcpu_hot this_cpu_off
	__static_call_update register_module_notifier drain_workqueue system_unbound_wq file_ns_capable fixed_size_llseek
	get_zeroed_page free_pages kstrtobool arch_wb_cache_pmem bus_for_each_dev kernfs_find_and_get_ns kernfs_put kernel_kobj
	sized_strscpy unmap_mapping_pages ihold set_dax_
	kvfree kfree vfree iput igrab deactivate_super down_ up_ mutex_ __mutex dump_stack _raw_spin __raw_spin wake_up __wake_up
	run_dax kill_dax kill_dev_dax dax_flush dax_write_cache dax_remove_host dax_holder_notify_failure static_dev_dax
	dax_inode dax_alive dax_read_ dax_driver_unregister __dax_driver_register dax_break_layout_final dax_direct_access
	bio_ page_endio errno_to_blk_status blk_queue_ blk_mark_disk_dead bdev_mark_dead del_gendisk put_disk set_capacity set_disk_ro
	truncate_inode_pages unmap_mapping_range dax_layout_busy_page dax_delete_mapping_range xa_ __filemap_ get_dev_pagemap vscnprintf system_state
	destroy_workqueue alloc_workqueue register_pm_notifier
	devres_add devres_destroy device_release_driver get_fs_type sget_fc try_module_get __module_get module_put fs_holder_ops copy_from_kernel_nofault kstrtou invalidate_ sync_ filemap_ lock_ unlock_
	iomem_resource page_offset_base vmemmap_base phys_base physical_mask hugetlb_optimize_vmemmap_key static_key
	param_ops trace_ perf_ event_ bpf_ cdev_del cdev_init cdev_device_del device_destroy device_del put_device get_device
	sysfs_remove sysfs_emit sysfs_notify kobject_uevent init_ __init debug_ cond_resched schedule __cond_resched might_
	refcount_ jiffies __warn_printk __list_ list_ badblocks_set badblocks_clear badblocks_check badblocks_exit
	synchronize_ call_rcu rcu_ srcu __srcu percpu_ kill_ fasync noop_ seq_ single_ no_llseek prepare_to finish_wait __var_waitqueue
	class_unregister class_destroy unregister_ clear_mce_nospec set_mce_nospec alloc_dax put_dax
	usleep_range kobject_put bdev_ blkdev_ errseq_ capable compat_ptr_ioctl ktime_get memory_failure __check_object_size __sw_hweight64 validate_usercopy
	kmalloc_caches const_pcpu_hot current_task const_current_task
	bus_find_device device_match_devt device_match_name __devm_release_region kern_path path_put
	async_schedule_node_domain async_synchronize_full_domain memunmap_pages __num_online_cpus
	__symbol_get __symbol_put arch_invalidate_pmem cancel_ empty_zero_page __zero_page iov_iter_revert iov_iter_kvec __flush_workqueue msleep lookup_address
	queue_work_on queue_delayed_work_on delayed_work_timer_fn timer_init_key system_percpu_wq system_wq mce_ boot_cpu_data
	__asan_ __kasan_ __kcsan_ kcsan_ __tsan_ __might_ __klp_ klp_ lockdep_ dump_page
'

# objects: how many of each kind of kmalloc()ed object there are, without the processors' own stocks and what the kernel frees
# in batches, every five seconds or when it is short of memory. No program starts between, which would fill the stocks again.
objects() {
	local lines

	for _ in 1 2; do
		echo 2 >/proc/sys/vm/drop_caches
		sleep 0.5
	done
	run give-back
	mapfile -t lines </proc/slabinfo
	printf '%s\n' "${lines[@]}" | awk '/^kmalloc-[^c]/ { print $1, $2 }'
}

# pages: how many the kernel can say the use of, free ones too. One that is lost is in none of these counts.
pages() {
	cat /proc/sys/vm/stat_refresh
	awk '$1 == "count:" || $1 ~ /^nr_(free|file|anon|page_table)_pages$/ || $1 ~ /^nr_slab_/ { n += $2 }
		$1 == "nr_kernel_stack" { n += $2 / 4 } END { print int(n) }' /proc/vmstat <(grep -w count: /proc/zoneinfo)
}

# grown BEFORE AFTER: kinds of which there are so many more that each round has lost one
grown() {
	awk -v leak=$leak 'NR == FNR { was[$1] = $2; next } $2 - was[$1] >= leak { print $1 }' <(echo "$1") <(echo "$2")
}

# world ID: all that a device which has bound leaves in the system's sight. It is asked for at each call: one program is
# started for it.
world() {
	local lines line

	echo "$(</proc/iomem)"
	printf '%s\n' /dev/* /sys/block/* /sys/class/block/*
	find "/sys/bus/dax/devices/dax$1.0/" -printf '%P %l\n'
	echo "references: $(</sys/module/fsdev/refcnt)"
	mapfile -t lines <$control/state
	for line in "${lines[@]}"; do [[ $line =~ ^dax[0-9.]*\ driver=fsdev ]] || echo "$line"; done
}
declare -A world_of

# fails ID VERB CALL N: the device's bind fails at that call, and leaves the world as it was before any bind
fails() {
	local id=$1 verb=$2 call=$3 n=$4 error what="dax$1.0: $3 call $4"

	[ "$verb" = arm ] || what+=" inside the kernel"
	run "$verb" "$call" "$n" || { tap_point 1 "$what: armed" "no such function here" && return; }
	error=$(bind "dax$id.0" fsdev)
	[ "$verb" != arm ] || points "$what" balance
	points "$what" disarm
	is "$what: the error is handed on" "${5-Cannot allocate memory}" "$error"
	is "$what: nothing is left" "${world_of[$id]}" "$(world "$id")"
	is "$what: the next bind works" bound "$(bind "dax$id.0" fsdev)"
	unbind "dax$id.0"
}

# error_of FUNCTION: what the table lets it give, as user space sees it
error_of() {
	case $1 in
	*request_region | dax_set_ops | dax_add_host) echo "Device or resource busy" ;;
	device_add_disk | cdev_device_add | device_create* | *sysfs_create* | *device_add_group*) echo "File exists" ;;
	ida_*) echo "No space left on device" ;;
	*) echo "Cannot allocate memory" ;;
	esac
}

# fail_all ID CALL...: each "FUNCTION TIMES", each call $rounds times
fail_all() {
	local id=$1 line n

	shift
	for line in "$@"; do
		for ((n = 1; n <= ${line#* }; n++)); do
			run arm "${line% *}" $n && run bind-often "$id" $rounds && run disarm || return
		done
	done
}

# grown_for_good BEFORE: what has grown and does not come back. The kernel frees some in batches, and late where the host is busy.
grown_for_good() {
	local now

	for _ in {1..10}; do
		now=$(grown "$1" "$(objects)")
		[ -n "$now" ] || return
	done
	echo "$now"
}

# come_back PAGES: as many as there were are there again. Some are given back late, more so where the host is busy.
come_back() {
	for _ in {1..20}; do
		[ $(($1 - $(pages))) -ge $leak ] || return 0
		objects >/dev/null
	done
	return 1
}

# loses_nothing ID CALL...: however often it fails. Others use memory meanwhile: only what grows again and again is lost.
loses_nothing() {
	local before after free try lost=''

	for try in 1 2 3 4; do
		before=$(objects) free=$(pages)
		fail_all "$@" || { tap_point 1 "dax$1.0: fails in every round" && return; }
		after=$(grown_for_good "$before")
		come_back "$free" || after+=$'\n'pages
		lost=$(if [ $try = 1 ]; then echo "$after"; else grep -xF "$lost" <<<"$after"; fi)
		echo "# round of losses $try: ${after//$'\n'/ }"
		[ -n "$lost" ] || break
	done
	is "dax$1.0: failing $rounds times at each call loses no memory" "" "$lost"
}

# every_call ID [LOSES]: what the last probe called, each call in turn; and then again and again
every_call() {
	local calls=() line n

	run count
	is "dax$1.0: binds" bound "$(bind "dax$1.0" fsdev)"
	points "dax$1.0" early
	run calls
	mapfile -t calls < <(sed -n 's/^# //p' $control/report)
	unbind "dax$1.0"
	like "dax$1.0: probe allocates, maps, and adds a disk" "alloc.* memremap_pages .* device_add_disk " "${calls[*]}"
	for line in "${calls[@]}"; do
		for ((n = 1; n <= ${line#* }; n++)); do fails "$1" arm "${line% *}" $n "$(error_of "${line% *}")"; done
	done
	[ -z "${2-}" ] || loses_nothing "$1" "${calls[@]}"
}

begin 10 20 30
make_dynamic 10 0 512
ok "two ranges" shape dax10.0 64:4 8:6
make_static 20 $((520 << 10)) 4096 $((518 << 10)) 6144
make_dynamic 30 640 384
ok "one range that can be mapped in two slices" shape dax30.0 640:384
for id in 10 20 30; do world_of[$id]=$(world $id); done
is "nothing is bound yet" "none none" "$(driver_of dax10.0) $(driver_of dax20.0)"
run inject-begin || fail "cannot inject"

run steps
mapfile -t steps < <(sed -n 's/^# //p' $control/report)
known=$(printf '%s$|' "${steps[@]}")$(xargs <<<"$cannot_fail" | tr ' ' '|')
unknown=$(nm -u "$top/build/module/$(uname -r)/install/updates/fsdev.ko" | awk '{ print $2 }' | grep -vE "^($known)")
is "every function that the driver imports is a step, or cannot fail" "" "$unknown"

every_call 10 loses
every_call 20
# a large device is mapped in slices, by several threads: when one gives up, nothing of the others is left
echo 128 >/sys/module/fsdev/parameters/slice_mib
echo 2 >/sys/module/fsdev/parameters/threads
is "sliced: binds" bound "$(bind dax30.0 fsdev)"
run calls
is "sliced: two page maps" "# memremap_pages 2" "$(grep memremap_pages $control/report)"
points "sliced" folios-clean 30
unbind dax30.0
fails 30 arm memremap_pages 1
fails 30 arm memremap_pages 2
# a page of the slice that is mapped fails before probe does; what the driver began for it has ended, and nothing is left of it
ok "a page fails early: watched" run early-watch
is "a page fails early: and the other slice is not mapped" "Cannot allocate memory" "$(bind dax30.0 fsdev)"
is "a page fails early: nothing is left" "${world_of[30]}" "$(world 30)"
is "a page fails early: the next bind works" bound "$(bind dax30.0 fsdev)"
points "a page fails early" early-end
unbind dax30.0
echo 0 >/sys/module/fsdev/parameters/threads
# what the kernel itself gives up half way
fails 10 arm-inside percpu_ref_init 1
fails 10 arm-inside arch_add_memory 1
fails 10 arm-inside arch_add_memory 2
fails 10 arm-inside device_add 1
run inject-end
run unmake 10
run unmake 20
run unmake 30
ok "modules can go" modprobe -r fsdev_test fsdev
is "nothing is left in /proc/iomem" "" "$(grep -iE 'dax[123]0' /proc/iomem)"
finish
