/* SPDX-License-Identifier: GPL-2.0 */
#define IPVS_FULLNAT_VERSION "0.1.0"
