// SPDX-License-Identifier: GPL-2.0-or-later
//
// Includes all of the library. The way through it is open_disk() -> survey() -> Image -> emit().

#pragma once

#include "qcow2stream/changes.h"
#include "qcow2stream/compression.h"
#include "qcow2stream/confined.h"
#include "qcow2stream/digest.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/disk_bitmaps.h"
#include "qcow2stream/emit.h"
#include "qcow2stream/error.h"
#include "qcow2stream/file.h"
#include "qcow2stream/image.h"
#include "qcow2stream/nbd.h"
#include "qcow2stream/options.h"
#include "qcow2stream/plan.h"
#include "qcow2stream/progress.h"
#include "qcow2stream/qcow2.h"
#include "qcow2stream/qemu.h"
#include "qcow2stream/restore.h"
#include "qcow2stream/run.h"
#include "qcow2stream/salvage.h"
#include "qcow2stream/sink.h"
#include "qcow2stream/stored_clusters.h"
#include "qcow2stream/stream.h"
#include "qcow2stream/survey.h"
#include "qcow2stream/target.h"
#include "qcow2stream/trace.h"
#include "qcow2stream/types.h"
