/* SPDX-License-Identifier: GPL-2.0 */
/* Included ahead of everything, so it must not lead to the shim. */
#define CONFIG_64BIT 1
#define CONFIG_IP_VS 1
#define CONFIG_IP_VS_IPV6 1
/* what the build finds in every kernel that it is for */
#define HAVE_GENL_OPS_POLICY
#define IS_ENABLED(x) (x)
