import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { NotFoundPage } from './NotFoundPage';
import { Shell } from './Shell';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFoundPage });

const bots = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: lazyRouteComponent(() => import('../features/bots/BotsPage'), 'BotsPage'),
});

const bot = createRoute({
  getParentRoute: () => root,
  path: '/bots/$botId',
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

export const router = createRouter({
  routeTree: root.addChildren([bots, bot, ask, thread, knowledge, status, settings]),
  defaultPreload: 'intent',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
