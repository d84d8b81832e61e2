import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Navigate,
  type RouterHistory,
} from '@tanstack/react-router';
import { type BotTab, isBotTab } from '../lib/botTabs';
import { insightSearch } from '../lib/insightSearch';
import { BrokenPage } from './BrokenPage';
import { Gate } from './Gate';
import { NotFoundPage } from './NotFoundPage';

const root = createRootRoute({ component: Gate, notFoundComponent: NotFoundPage });

const bots = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: (search): { add?: boolean } => (search.add ? { add: true } : {}),
  component: lazyRouteComponent(() => import('../features/bots/BotsPage'), 'BotsPage'),
});

/** What people type who look for the list. */
const botsByName = createRoute({
  getParentRoute: () => root,
  path: '/bots',
  component: () => <Navigate to="/" replace />,
});

const bot = createRoute({
  getParentRoute: () => root,
  path: '/bots/$botId',
  validateSearch: (search): { tab?: BotTab } => (isBotTab(search.tab) ? { tab: search.tab } : {}),
  component: lazyRouteComponent(() => import('../features/bot/BotPage'), 'BotPage'),
});

const ask = createRoute({
  getParentRoute: () => root,
  path: '/ask',
  component: lazyRouteComponent(() => import('../features/ask/AskPage'), 'AskPage'),
});

const thread = createRoute({
  getParentRoute: () => root,
  path: '/ask/$threadId',
  component: lazyRouteComponent(() => import('../features/ask/AskPage'), 'AskPage'),
});

const knowledge = createRoute({
  getParentRoute: () => root,
  path: '/knowledge',
  component: lazyRouteComponent(() => import('../features/knowledge/KnowledgePage'), 'KnowledgePage'),
});

const insights = createRoute({
  getParentRoute: () => root,
  path: '/insights',
  validateSearch: insightSearch,
  component: lazyRouteComponent(() => import('../features/insights/InsightsPage'), 'InsightsPage'),
});

const widgets = createRoute({
  getParentRoute: () => root,
  path: '/widgets',
  component: lazyRouteComponent(() => import('../features/widgets/WidgetsPage'), 'WidgetsPage'),
});

const status = createRoute({
  getParentRoute: () => root,
  path: '/status',
  component: lazyRouteComponent(() => import('../features/status/StatusPage'), 'StatusPage'),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  component: lazyRouteComponent(() => import('../features/settings/SettingsPage'), 'SettingsPage'),
});

const people = createRoute({
  getParentRoute: () => root,
  path: '/people',
  component: lazyRouteComponent(() => import('../features/people/PeoplePage'), 'PeoplePage'),
});

const link = createRoute({
  getParentRoute: () => root,
  path: '/auth/link',
  component: () => <Navigate to="/" replace />,
});

/** The pages by address; `history` is the browser's own unless a test brings another. */
export function createAppRouter(history?: RouterHistory) {
  return createRouter({
    ...(history ? { history } : {}),
    routeTree: root.addChildren([
      bots,
      botsByName,
      bot,
      ask,
      thread,
      knowledge,
      insights,
      widgets,
      status,
      people,
      settings,
      link,
    ]),
    defaultPreload: 'intent',
    defaultErrorComponent: BrokenPage,
    scrollRestoration: true,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
