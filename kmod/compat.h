/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that differs between kernels. Included into every file by the compiler's
 * command line, never by name. Nothing here asks for a kernel's version: stable
 * kernels take over changes of ip_vs from later ones.
 */
#ifndef _IPVS_FULLNAT_COMPAT_H
#define _IPVS_FULLNAT_COMPAT_H

#include <linux/kconfig.h>

#ifndef CONFIG_64BIT
#error "ipvs-fullnat needs a 64-bit kernel"
#endif

#if !IS_ENABLED(CONFIG_IP_VS)
#error "ipvs-fullnat needs a kernel with IPVS: CONFIG_IP_VS=m or y"
#endif

/* Kernels count either all connections of a server or the inactive ones. */
#ifdef HAVE_IP_VS_DEST_TOTALCONNS
#define ip_vs_dest_total(dest)	atomic_read(&(dest)->totalconns)
#else
#define ip_vs_dest_total(dest)					\
({								\
	typeof(dest) _dest = (dest);				\
								\
	atomic_read(&_dest->activeconns) +			\
	atomic_read(&_dest->inactconns);			\
})
#endif /* HAVE_IP_VS_DEST_TOTALCONNS */

#endif /* _IPVS_FULLNAT_COMPAT_H */
