import KCacheCommands

KCache.launch()
